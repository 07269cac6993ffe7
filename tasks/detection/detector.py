"""Find faces in any number of pictures of any sizes at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks.detection.boxes import clip, to_xywh
from tasks.detection.cascade import Found, find
from tasks.detection.networks import Networks, Precision
from tasks.detection.pyramid import FACE_PIXELS
from tasks.imaging.decode import ImageError, decode
from tasks.sources.status import Status

Float = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# The package's own settings, but for P-Net, of which it asks .6.
MIN_FACE = 20.0
THRESHOLDS = (0.7, 0.7, 0.8)
MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class Detections:
    """The faces of one image, the surest first, in pixels; the first pixel goes from 0 to 1.

    `boxes` (n, 4): x, y, width, height, cut at the image's borders; `confidence` (n,): 0 to 1; `landmarks` (n, 5, 2:
    x, y): the eye on the left of the image, the eye on the right, nose, the mouth's left and right corner; they may lie
    outside of a cut box. `status` is `ok`, `no_face`, or why the file has no pixels (`error`).
    """

    boxes: Float = field(default_factory=lambda: np.empty((0, 4), np.float32))
    confidence: Float = field(default_factory=lambda: np.empty(0, np.float32))
    landmarks: Float = field(default_factory=lambda: np.empty((0, 5, 2), np.float32))
    status: Status = Status.NO_FACE
    error: str = ""

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self.boxes)

    def scaled(self, factor: float, width: int, height: int) -> Self:
        """Return the same faces in an image `factor` times as large, of `width` x `height` pixels."""
        factor_ = np.float32(factor)
        corners = np.concatenate([self.boxes[:, :2], self.boxes[:, :2] + self.boxes[:, 2:]], axis=1) * factor_
        return replace(self, boxes=to_xywh(clip(corners, width, height)), landmarks=self.landmarks * factor_)


class FaceDetector:
    """MTCNN (Zhang et al., 2016, arXiv:1604.02878) with the weights of the `mtcnn` package, on OpenVINO.

    `min_face`: the smallest face looked for; from 1 up in pixels of the image, below 1 as a fraction of its longer
    side. The cost of an image grows with the square of (longer side / smallest face).
    `thresholds`: the confidence that P-Net, R-Net and O-Net ask for. One object may be used by many threads: each that
    is at work has networks of its own, made when they are first needed. A batch gives what single images give.
    """

    def __init__(
        self,
        min_face: float = MIN_FACE,
        thresholds: tuple[float, float, float] = THRESHOLDS,
        *,
        precision: Precision = "f32",
    ) -> None:
        self.min_face = min_face
        self.thresholds = thresholds
        self._precision: Precision = precision
        self._idle = [Networks(precision)]

    def smallest(self, width: int, height: int) -> float:
        """Return the smallest face looked for in an image of this size, in its pixels."""
        return self.min_face if self.min_face >= 1 else self.min_face * max(width, height)

    def reduction(self, width: int, height: int) -> int:
        """Return by how much (1, 2, 4 or 8) an image of this size may be shrunk before its faces are looked for."""
        face = self.smallest(width, height)
        return next(factor for factor in (8, 4, 2, 1) if face / factor >= FACE_PIXELS or factor == 1)

    def detect(self, images: Sequence[Pixels]) -> list[Detections]:
        """Return the faces of each image (height, width, 3; uint8, RGB), in the images' order."""
        return self.detect_reduced(images, [self.smallest(image.shape[1], image.shape[0]) for image in images])

    def detect_reduced(self, images: Sequence[Pixels], smallest: Sequence[float]) -> list[Detections]:
        """Return the faces of images of which `smallest` tells the smallest face in the pixels at hand."""
        with self._networks() as networks:
            found = find(networks, images, smallest, self.thresholds)
        bounds = np.searchsorted(found.image, np.arange(len(images) + 1))
        return [
            _detections(found, slice(start, stop), image)
            for image, start, stop in zip(images, bounds[:-1], bounds[1:], strict=True)
        ]

    @contextmanager
    def _networks(self) -> Iterator[Networks]:
        """Lend networks that no other thread has."""
        try:
            networks = self._idle.pop()
        except IndexError:
            networks = Networks(self._precision)
        try:
            yield networks
        finally:
            self._idle.append(networks)

    def detect_bytes(self, files: Sequence[bytes], max_pixels: int = MAX_PIXELS) -> list[Detections]:
        """Return the faces of each file's upright image in its full pixels, decoding no more than that takes.

        A file that cannot be decoded gets its status and error; it does not touch the others.
        """
        results = [self._decoded(content, max_pixels) for content in files]
        pictures = [result for result in results if not isinstance(result, Detections)]
        found = iter(self.detect_reduced([picture[0] for picture in pictures], [picture[1] for picture in pictures]))
        return [result if isinstance(result, Detections) else next(found).scaled(*result[2:]) for result in results]

    def _decoded(self, content: bytes, max_pixels: int) -> Detections | tuple[Pixels, float, int, int, int]:
        try:
            decoded = decode(content, max_pixels=max_pixels, reduction_for=self.reduction)
        except ImageError as error:
            return Detections(status=error.status, error=error.message)
        width, height = decoded.header.width, decoded.header.height
        return decoded.pixels, self.smallest(width, height) / decoded.reduction, decoded.reduction, width, height


def _detections(found: Found, part: slice, image: Pixels) -> Detections:
    boxes = clip(found.boxes[part], image.shape[1], image.shape[0])
    confidence = (1 / (1 + np.exp(-found.logits[part]))).astype(np.float32)
    status = Status.OK if len(boxes) else Status.NO_FACE
    return Detections(to_xywh(boxes), confidence, found.points[part], status)
