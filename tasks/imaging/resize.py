"""The one change of size between a crop and a network: in training, scoring and explanation alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def resize_to(rgb: Pixels, side: int) -> Pixels:
    """Return pixels (side, side, 3): areas averaged when it gets smaller, cubic interpolation when it gets larger."""
    if rgb.shape[:2] == (side, side):
        return rgb
    smaller = min(rgb.shape[:2]) >= side
    resized = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return resized.astype(np.uint8, copy=False)
