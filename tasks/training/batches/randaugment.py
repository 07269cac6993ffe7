"""RandAugment as a transform for recipes, which albumentations does not have: operations drawn with equal chance."""

# ruff: noqa: ARG002 (albumentations passes its parameters by name)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import albumentations
import numpy as np
from albumentations.core.transforms_interface import BaseTransformInitSchema
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from pydantic import Field

MOST = 30  # the magnitude at which an operation has its full strength

# Each operation's full strength, as in torchvision's implementation.
DEGREES = 30.0
SHEAR = 0.3
TRANSLATION = 150 / 331  # of a side: 150 pixels of the 331 that the policies of AutoAugment were found at
ENHANCEMENT = 0.9
POSTERIZED_BITS = 4


class RandAugment(albumentations.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """`num_ops` of 14 operations, one after the other and each drawn anew, all at `magnitude` (0..30).

    Cubuk et al. (2020), "RandAugment: Practical automated data augmentation with a reduced search space", with the
    ranges, the black borders and the nearest-neighbour geometry of torchvision. Those operations that have a direction
    are as often turned round.
    """

    class InitSchema(BaseTransformInitSchema):  # type: ignore[misc]  # albumentations has no types
        """What albumentations checks the arguments by."""

        num_ops: int = Field(ge=1)
        magnitude: float = Field(ge=0, le=MOST)

    def __init__(self, num_ops: int = 2, magnitude: float = 9, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.num_ops = num_ops
        self.magnitude = magnitude

    def get_params(self) -> dict[str, Any]:
        """Called by albumentations: draw the operations, each with its sign."""
        names = self.py_random.choices(list(OPERATIONS), k=self.num_ops)
        return {"operations": [(name, self.py_random.choice((-1, 1))) for name in names]}

    def apply(self, img: NDArray[np.uint8], operations: list[tuple[str, int]], **params: Any) -> NDArray[np.uint8]:
        """Called by albumentations: return pixels (height, width, 3), uint8 RGB."""
        image = Image.fromarray(img)
        for name, sign in operations:
            image = OPERATIONS[name](image, sign * self.magnitude / MOST)
        return np.asarray(image)


def _affine(image: Image.Image, *matrix: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix)


def _posterize(image: Image.Image, amount: float) -> Image.Image:
    return ImageOps.posterize(image, 8 - round(abs(amount) * POSTERIZED_BITS))


def _solarize(image: Image.Image, amount: float) -> Image.Image:
    return ImageOps.solarize(image, round(255 * (1 - abs(amount))))


def _enhancing(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> Callable[[Image.Image, float], Image.Image]:
    return lambda image, amount: kind(image).enhance(1 + ENHANCEMENT * amount)


# From an image and an amount, -1..1, to an image; several know no direction, and some no amount.
OPERATIONS: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "identity": lambda image, _: image,
    "auto_contrast": lambda image, _: ImageOps.autocontrast(image),
    "equalize": lambda image, _: ImageOps.equalize(image),
    "rotate": lambda image, amount: image.rotate(DEGREES * amount),
    "solarize": _solarize,
    "posterize": _posterize,
    "color": _enhancing(ImageEnhance.Color),
    "contrast": _enhancing(ImageEnhance.Contrast),
    "brightness": _enhancing(ImageEnhance.Brightness),
    "sharpness": _enhancing(ImageEnhance.Sharpness),
    "shear_x": lambda image, amount: _affine(image, 1, SHEAR * amount, 0, 0, 1, 0),
    "shear_y": lambda image, amount: _affine(image, 1, 0, 0, SHEAR * amount, 1, 0),
    "translate_x": lambda image, amount: _affine(image, 1, 0, TRANSLATION * amount * image.width, 0, 1, 0),
    "translate_y": lambda image, amount: _affine(image, 1, 0, 0, 0, 1, TRANSLATION * amount * image.height),
}
