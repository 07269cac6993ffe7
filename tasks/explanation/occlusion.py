"""Occlusion sensitivity (Zeiler and Fergus, 2014, arXiv:1311.2901): how the logit falls when a part is hidden.

A part is filled from its surroundings, not with grey: a grey patch has edges, and edges are what a forgery shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Logits = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

WINDOWS = 8  # a window's side is the picture's divided by so many
STEP = 2  # windows overlap by all but this part of their side


def occlusion_map(crop: Pixels, logits: Logits, windows: int = WINDOWS) -> NDArray[np.float64]:
    """Return (side, side): by how much the logit of `crop` (side, side, 3) falls, on average, where a pixel is hidden.

    `logits` takes crops (n, side, side, 3) and returns (n,). Positive values are evidence for a fake.
    """
    side = crop.shape[0]
    places = list(_places(side, windows))
    found = logits(np.stack([crop, *(fill(crop, *place) for place in places)]))
    falls = found[0] - found[1:].astype(np.float64)
    total, count = np.zeros((side, side)), np.zeros((side, side))
    for (top, left, size), fall in zip(places, falls, strict=True):
        total[top : top + size, left : left + size] += fall
        count[top : top + size, left : left + size] += 1
    return total / np.maximum(count, 1)


def fill(crop: Pixels, top: int, left: int, size: int) -> Pixels:
    """Return the crop with a window filled from its surroundings: their weighted mean, without an edge."""
    seen = np.ones(crop.shape[:2], np.float32)
    seen[top : top + size, left : left + size] = 0
    blur = (0, 0)
    known = cv2.GaussianBlur(crop * seen[..., None], blur, size / 3)
    weight = cv2.GaussianBlur(seen, blur, size / 3)[..., None]
    around = known / np.maximum(weight, 1e-6)
    soft = cv2.GaussianBlur(1 - seen, blur, size / 16)[..., None]
    return np.asarray(np.clip(crop * (1 - soft) + around * soft, 0, 255).round(), np.uint8)


def _places(side: int, windows: int) -> Iterator[tuple[int, int, int]]:
    """Yield top, left and size of windows that overlap and reach the borders."""
    size = max(2, round(side / windows))
    starts = np.unique(np.linspace(0, side - size, (windows - 1) * STEP + 1).round().astype(int)).tolist()
    yield from ((top, left, size) for top in starts for left in starts)
