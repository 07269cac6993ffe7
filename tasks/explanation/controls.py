"""Maps that know nothing of a face: what a map must be better than before it is believed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float64]

BLUR = 8  # of a random map: the side divided by so many


def blurred_noise(side: int, rng: np.random.Generator) -> Map:
    """Return a random map (side, side), as smooth as one of the last layers' maps."""
    rim = side // 2  # a blur reflects at the borders, where noise would be strongest
    noise = cv2.GaussianBlur(rng.normal(size=(side + 2 * rim,) * 2), (0, 0), side / BLUR)
    return np.asarray(noise[rim:-rim, rim:-rim], np.float64)


def blob(side: int) -> Map:
    """Return a map (side, side) that is strongest in the middle, where most faces are."""
    along = np.exp(-((np.linspace(-1, 1, side) / 0.5) ** 2) / 2)
    return np.asarray(np.outer(along, along), np.float64)
