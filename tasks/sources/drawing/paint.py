"""Paint soft shapes on a layer of colour and coverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.float32]
# (n, 2): x to the right, y down.
Points = NDArray[np.floating[Any]]
Planes = NDArray[np.float32]
# Red, green, blue as numbers or as planes of the layer's size.
Colour = Sequence[float] | NDArray[np.floating[Any]]

# cv2 draws at 1/16 px.
_SHIFT = 4


def linear(red: float, green: float, blue: float) -> NDArray[np.float32]:
    """Return a colour given in sRGB (0..255) as linear light."""
    return np.power(np.array([red, green, blue]) / 255, 2.2).astype(np.float32)


def smooth_curve(points: Points, closed: bool, steps: int = 8) -> Points:
    """Return the Catmull-Rom spline through `points` (n, 2), sampled `steps` times between two of them."""
    ends = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    path = np.concatenate([ends[0], points, ends[1]])
    a, b, c, d = (path[i : len(path) - 3 + i, None, :] for i in range(4))
    t = (np.arange(steps) / steps)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, points[-1:]])


class Layer:
    """Shapes painted one over another: premultiplied red, green, blue, and coverage, as planes (4, height, width)."""

    def __init__(self, height: int, width: int) -> None:
        """Start empty."""
        self.planes = np.zeros((4, height, width), np.float32)

    @property
    def colour(self) -> Planes:
        """The premultiplied colours (3, height, width)."""
        return self.planes[:3]

    @property
    def cover(self) -> Mask:
        """How much of each pixel is covered (height, width), 0..1."""
        return self.planes[-1, :, :]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.planes.shape[1], self.planes.shape[2]

    def fill(
        self, points: Points, colour: Colour, *, soft: float = 0.7, opacity: float = 1.0, clip: Mask | None = None
    ) -> None:
        """Fill a polygon (n, 2) in pixels; `soft` is the blur of its edge in pixels, `clip` bounds it."""
        self.fills([points], colour, soft=soft, opacity=opacity, clip=clip)

    def fills(
        self,
        areas: Sequence[Points],
        colour: Colour,
        *,
        soft: float = 0.7,
        opacity: float = 1.0,
        clip: Mask | None = None,
    ) -> None:
        """Fill many polygons of one colour at once."""
        found = self._box(areas, soft)
        if found is None:
            return
        box, origin = found
        mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
        for area in _fixed(areas, origin):
            cv2.fillPoly(mask, [area], 255, cv2.LINE_AA, _SHIFT)
        self._blend(box, mask, colour, soft, opacity, clip)

    def stroke(
        self,
        points: Points,
        colour: Colour,
        width: float,
        *,
        soft: float = 0.5,
        opacity: float = 1.0,
        clip: Mask | None = None,
    ) -> None:
        """Draw a line through `points` (n, 2), `width` pixels wide."""
        self.strokes([points], colour, width, soft=soft, opacity=opacity, clip=clip)

    def strokes(
        self,
        lines: Sequence[Points],
        colour: Colour,
        width: float,
        *,
        soft: float = 0.4,
        opacity: float = 1.0,
        clip: Mask | None = None,
    ) -> None:
        """Draw many lines of one colour at once."""
        found = self._box(lines, soft + width)
        if found is None:
            return
        box, origin = found
        mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
        # A line thinner than a pixel is a fainter one of a pixel.
        cv2.polylines(mask, _fixed(lines, origin), False, 255, max(1, round(width)), cv2.LINE_AA, _SHIFT)
        self._blend(box, mask, colour, soft, opacity * min(1.0, width), clip)

    def over(self, below: Planes) -> Planes:
        """Return this layer laid over the picture `below` (3, height, width)."""
        return np.asarray(below * (1 - self.cover) + self.colour)

    def lay(self, above: Layer) -> None:
        """Lay another layer of the same size over this one."""
        self.planes *= 1 - above.cover
        self.planes += above.planes

    def _box(self, shapes: Sequence[Points], margin: float) -> tuple[tuple[slice, slice], Points] | None:
        if not shapes:
            return None
        points = shapes[0] if len(shapes) == 1 else np.concatenate(shapes)
        height, width = self.size
        reach = 3 * margin + 2
        x0, y0 = np.maximum(np.floor(points.min(0) - reach), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(points.max(0) + reach), (width, height)).astype(int)
        if x0 >= x1 or y0 >= y1:
            return None
        return (slice(y0, y1), slice(x0, x1)), np.array([x0, y0], np.float64)

    def _blend(
        self,
        box: tuple[slice, slice],
        mask: NDArray[np.uint8],
        colour: Colour,
        soft: float,
        opacity: float,
        clip: Mask | None,
    ) -> None:
        cover = np.multiply(_blur(mask, soft), np.float32(opacity / 255), dtype=np.float32)
        if clip is not None:
            cover *= clip[box]
        target = self.planes[:, box[0], box[1]]
        target *= 1 - cover
        for plane, value in enumerate([*colour, 1.0]):
            target[plane] += cover * (value if np.ndim(value) == 0 else np.asarray(value)[box])


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0, steps: int = 24) -> Points:
    """Return an ellipse (steps, 2) round (x, y), turned by `angle` radians."""
    t = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    a, b = rx * np.cos(t), ry * np.sin(t)
    return np.stack([x + a * np.cos(angle) - b * np.sin(angle), y + a * np.sin(angle) + b * np.cos(angle)], 1)


def shifted(points: Points, pixels: float) -> Points:
    """Return the points (n, 2) so many pixels further down."""
    return np.asarray(points + np.array([0.0, pixels]))


def noise(rng: np.random.Generator, height: int, width: int, cell: float) -> Mask:
    """Return smooth noise (height, width) of mean 0 and deviation about 1, with features of `cell` pixels."""
    rows, columns = max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)
    small = rng.standard_normal((rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _blur(mask: NDArray[np.uint8], soft: float) -> NDArray[np.uint8]:
    if soft <= 4:
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft) if soft > 0 else mask, np.uint8)
    # A wide blur leaves nothing that a quarter of the pixels could not hold.
    height, width = mask.shape
    small = cv2.resize(mask, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), soft / 4), (width, height)), np.uint8)


def _fixed(shapes: Sequence[Points], origin: Points) -> list[NDArray[np.int32]]:
    """Return the shapes as cv2 wants them: whole numbers of a sixteenth of a pixel, from `origin` on."""
    whole = np.rint((np.concatenate(shapes) - origin) * 2**_SHIFT).astype(np.int32)
    return np.split(whole, np.cumsum([len(shape) for shape in shapes[:-1]]))
