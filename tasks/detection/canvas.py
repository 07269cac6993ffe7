"""Many pictures on one: rectangles packed on a canvas, so that one call of a network or of OpenCV serves a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Spot(NamedTuple):
    """A rectangle's place on the canvas: left, top, width, height in pixels."""

    x: int
    y: int
    width: int
    height: int


def pack_tightly(sizes: Sequence[tuple[int, int]], grain: int) -> tuple[list[Spot], int, int]:
    """Return a place for each (width, height), and the width (a multiple of `grain`) and height of the canvas.

    Tries canvases that take one to four of the widest side by side and takes the smallest.
    """
    widest = max((width for width, _ in sizes), default=1)
    widths = {-(-widest * count // grain) * grain for count in range(1, min(4, max(1, len(sizes))) + 1)}
    packed = [(*pack(sizes, width), width) for width in sorted(widths)]
    spots, height, width = min(packed, key=lambda candidate: candidate[1] * candidate[2])
    return spots, width, height


def pack(sizes: Sequence[tuple[int, int]], width: int) -> tuple[list[Spot], int]:
    """Return a place for each (width, height) on a canvas `width` wide, and the canvas's height.

    First fit decreasing height (Coffman et al., 1980): the tallest first, each on the first shelf with room.
    Even sizes land on even places. No rectangle may be wider than the canvas.
    """
    spots = [Spot(0, 0, 0, 0)] * len(sizes)
    shelves: list[list[int]] = []  # used width, top
    bottom = 0
    for index in sorted(range(len(sizes)), key=lambda index: -sizes[index][1]):
        wide, high = sizes[index]
        shelf = next((shelf for shelf in shelves if shelf[0] + wide <= width), None)
        if shelf is None:
            shelf = [0, bottom]
            shelves.append(shelf)
            bottom += high
        spots[index] = Spot(shelf[0], shelf[1], wide, high)
        shelf[0] += wide
    return spots, bottom


def view(canvas: Pixels, spot: Spot) -> Pixels:
    """Return the part of the canvas at `spot`, to be written to or read."""
    return canvas[spot.y : spot.y + spot.height, spot.x : spot.x + spot.width]
