"""What a file and a crop tell without a network: the trivial features that a good model must beat."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.jpeg import MAGIC, JpegError, read_jpeg_header

Pixels = NDArray[np.uint8]

# Luminance table of ITU-T T.81, annex K, which libjpeg scales by its quality.
STANDARD_TABLE = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
CORNER = 8  # a corner is this part of the crop's side


def jpeg_quality(data: bytes) -> int | None:
    """Return the quality (1 to 100) at which libjpeg would write this file's luminance table; None for no JPEG."""
    if not data.startswith(MAGIC):
        return None
    try:
        return quality_of(read_jpeg_header(data).tables)
    except JpegError:
        return None


def quality_of(tables: Sequence[Sequence[int]]) -> int | None:
    """Return the quality whose luminance table is as coarse in sum as the first of `tables`."""
    if not tables:
        return None
    sums = _sums_by_quality()
    total = -sum(tables[0])
    place = min(bisect_left(sums, total), len(sums) - 1)
    if place > 0 and total - sums[place - 1] <= sums[place] - total:
        place -= 1
    return place + 1


@lru_cache(maxsize=1)
def _sums_by_quality() -> list[int]:
    """Return, for qualities 1 to 100, minus the sum of libjpeg's luminance table, which rises with quality."""
    standard = np.array(STANDARD_TABLE)
    scales = [5000 // quality if quality < 50 else 200 - 2 * quality for quality in range(1, 101)]
    return [-int(np.clip((standard * scale + 50) // 100, 1, 255).sum()) for scale in scales]


def sharpness(rgb: Pixels) -> float:
    """Return the variance of the Laplacian of the grey picture (Pech-Pacheco et al., 2000)."""
    laplacian = cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_16S)
    return float(cv2.meanStdDev(laplacian)[1].item()) ** 2


def corner_variance(rgb: Pixels) -> float:
    """Return the mean variance of grey in the four corners (an eighth of the side each): 0 for a plain one."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    height, width = (max(1, side // CORNER) for side in grey.shape)
    corners = (grey[:height, :width], grey[:height, -width:], grey[-height:, :width], grey[-height:, -width:])
    return float(np.mean([cv2.meanStdDev(corner)[1].item() ** 2 for corner in corners]))
