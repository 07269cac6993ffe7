"""JPEG compression as a transform for recipes."""

# ruff: noqa: ARG002 (albumentations passes its parameters by name)

from __future__ import annotations

from typing import Annotated, Any

import albumentations
import numpy as np
from albumentations.core.pydantic import nondecreasing
from albumentations.core.transforms_interface import BaseTransformInitSchema
from numpy.typing import NDArray
from pydantic import AfterValidator

from tasks.imaging.encode import encoded_again
from tasks.training.batches.equalise import Quality


class Jpeg(albumentations.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """What a JPEG file keeps of the image, encoded as crops are, at a quality drawn from `quality_range` (1..100).

    In place of ImageCompression, which hands RGB to OpenCV as if it were BGR (albumentations 2.0): brightness, which
    JPEG keeps at full size, then has the weights of red and blue exchanged. Files in the world are not like that, and a
    head that finds traces of compression tells the two apart.
    """

    class InitSchema(BaseTransformInitSchema):  # type: ignore[misc]  # albumentations has no types
        """What albumentations checks the arguments by."""

        quality_range: Annotated[tuple[Quality, Quality], AfterValidator(nondecreasing)]

    def __init__(self, quality_range: tuple[int, int] = (60, 95), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.quality_range = quality_range

    def get_params(self) -> dict[str, Any]:
        """Called by albumentations: draw the quality."""
        return {"quality": self.py_random.randint(*self.quality_range)}

    def apply(self, img: NDArray[np.uint8], quality: int, **params: Any) -> NDArray[np.uint8]:
        """Called by albumentations: return the image, uint8 RGB, after compression."""
        return encoded_again(img, quality)
