"""A second look at images without a sure face, turned by a quarter, a half and three quarters: phones held sideways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tasks.detection.detector import Detections, FaceDetector

Float = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# Of 100 upright portraits 96 to 99 show a face this sure. Turned, every fourth shows something that passes for a face,
# but 1 in 30 something this sure, and so does 1 in 100 photographs without a face.
SURE = 0.98


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

    With `second_look` images without a face that is SURE are searched turned as well, and the turn that shows the
    surest face counts, if that one is SURE.
    """
    looks = [Look(found) for found in detector.detect_reduced(images, smallest)]
    again = [place for place, first in enumerate(looks) if _surest(first.found) < SURE]
    for turns in (1, 2, 3) if second_look and again else ():
        pictures = [turned(images[place], turns) for place in again]
        for place, found in zip(
            again, detector.detect_reduced(pictures, [smallest[place] for place in again]), strict=True
        ):
            if _surest(found) >= max(SURE, _surest(looks[place].found)):
                looks[place] = Look(found, turns)
    return looks


def _surest(found: Detections) -> float:
    return float(found.confidence.max(initial=0))


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
