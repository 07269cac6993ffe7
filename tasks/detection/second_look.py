"""A second look at images without a face: turned by a quarter, a half and three quarters, for phones held sideways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tasks.detection.detector import Detections, FaceDetector

Float = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """The faces of an image turned counterclockwise by `turns` quarters, in pixels of the turned one."""

    found: Detections = field(default_factory=Detections)
    turns: int = 0

    @property
    def rotation(self) -> int:
        """By how many degrees the image was turned clockwise: 0, 90, 180 or 270."""
        return -90 * self.turns % 360

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height of an image after the turn."""
        return (height, width) if self.turns % 2 else (width, height)


def look(
    detector: FaceDetector, images: Sequence[Pixels], smallest: Sequence[float], *, second_look: bool
) -> list[Look]:
    """Find the faces of images (height, width, 3) of which `smallest` tells the smallest face in their pixels.

    With `second_look` images without a face are searched turned as well; of three turns the one counts in which the
    faces' confidences add up to most.
    """
    looks = [Look(found) for found in detector.detect_reduced(images, smallest)]
    empty = [place for place, seen in enumerate(looks) if not len(seen.found)]
    for turns in (1, 2, 3) if second_look and empty else ():
        again = detector.detect_reduced(
            [turned(images[place], turns) for place in empty], [smallest[place] for place in empty]
        )
        for place, found in zip(empty, again, strict=True):
            if found.confidence.sum() > looks[place].found.confidence.sum():
                looks[place] = Look(found, turns)
    return looks


def turned(pixels: Pixels, turns: int) -> Pixels:
    """Return pixels (height, width, 3) turned counterclockwise by `turns` quarters."""
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def turned_back(found: Detections, turns: int, width: int, height: int) -> Detections:
    """Return faces found in a turned image in the pixels of that image before, of `width` x `height` pixels.

    Landmarks keep their order: the eye on the left of the upright face stays the first.
    """
    if not turns:
        return found
    corners = np.stack([found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]], axis=1)
    back = _points_back(corners, turns, width, height)
    low, high = back.min(axis=1), back.max(axis=1)
    boxes = np.concatenate([low, high - low], axis=1)
    return replace(found, boxes=boxes, landmarks=_points_back(found.landmarks, turns, width, height))


def _points_back(points: Float, turns: int, width: int, height: int) -> Float:
    """Turn points (n, k, 2: x, y) clockwise by `turns` quarters into an image of `width` x `height`."""
    x, y = points[..., 0], points[..., 1]
    back = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[turns]
    return np.stack(back, axis=-1).astype(np.float32)
