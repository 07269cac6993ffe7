"""Equalisation: one lossy history for the faces of both classes, so that the container cannot give the label away.

Where reals were collected as JPEG files of one quality and fakes as PNG or as files of another, a network learns that,
and fails on the first fake that was sent through a messenger. Scaling and encoding every face again by chance writes
the same kind of traces over both. Wang et al. (2020), "CNN-generated images are surprisingly easy to spot... for now",
do so with probabilities, as plain transforms of a recipe can; here no face is left out.
"""

from __future__ import annotations

from typing import Annotated, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.imaging.encode import encoded_again
from tasks.params.frozen import Frozen

# OpenCV's averaging, and interpolations of its first, third and higher order; none is known to be that of a forger.
SHRINKING = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
GROWING = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)

Quality = Annotated[int, Field(ge=1, le=100)]
Scale = Annotated[float, Field(ge=0.1, le=1)]


class Equalisation(Frozen):
    """Ranges from which every training face draws its JPEG quality and the size that it is scaled to and back from.

    For training alone: validation and test faces are scored as they are stored, as those of an archive will be. So
    figures on a split whose classes differ in their containers still are figures on that split; an evaluation on data
    of another origin shows what the network owes to them.
    """

    quality: tuple[Quality, Quality] = (60, 95)
    scale: tuple[Scale, Scale] = (0.5, 1.0)

    @model_validator(mode="after")
    def _run_upwards(self) -> Self:
        for name, (low, high) in (("quality", self.quality), ("scale", self.scale)):
            if low > high:
                raise ValueError(f"{name}: [{low:g}, {high:g}] runs backwards; write the smaller number first")
        return self


def equalise(rgb: NDArray[np.uint8], ranges: Equalisation, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return pixels (side, side, 3), uint8 RGB, scaled to a part of their size and back, then read from a JPEG file."""
    side = rgb.shape[0]
    smaller = max(round(side * random.uniform(*ranges.scale)), 1)
    down, up = (int(random.choice(kinds)) for kinds in (SHRINKING, GROWING))
    quality = int(random.integers(ranges.quality[0], ranges.quality[1], endpoint=True))
    if smaller < side:
        rgb = _resized(_resized(rgb, smaller, down), side, up)
    return encoded_again(rgb, quality)


def _resized(rgb: NDArray[np.uint8], side: int, interpolation: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(rgb, (side, side), interpolation=interpolation), np.uint8)
