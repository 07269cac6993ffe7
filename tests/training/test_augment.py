from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tasks.params import FauxfaceError
from tasks.training.batches.augment import Augmenter
from tasks.training.recipe.recipes import TransformSpec

FLIP = TransformSpec(name="HorizontalFlip", arguments={"p": 0.5})
DARKER = TransformSpec(name="RandomBrightnessContrast", arguments={"brightness_limit": [-0.3, -0.2], "p": 0.5})


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(1).integers(100, 200, (32, 32, 3), np.uint8)


def test_equal_seeds_give_equal_images_in_any_thread_and_order(image: np.ndarray) -> None:
    augmenter = Augmenter([FLIP, DARKER], 32)
    seeds = [(1, 2, number) for number in range(64)]
    alone = [augmenter(image, seed) for seed in seeds]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: augmenter(image, seed), reversed(seeds)))[::-1]
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_transforms_are_drawn_independently_of_each_other(image: np.ndarray) -> None:
    augmenter = Augmenter([FLIP, DARKER], 32)
    kinds = set()
    for number in range(64):
        result = augmenter(image, (number,))
        dark = result.mean() < image.mean() - 5
        left_brighter = result[:, :16].mean() > result[:, 16:].mean()
        kinds.add((bool(dark), bool(left_brighter)))
    assert len(kinds) == 4


def test_no_transforms_change_nothing(image: np.ndarray) -> None:
    assert np.array_equal(Augmenter([], 32)(image, (0,)), image)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (TransformSpec(name="HorizontalFlop"), "HorizontalFlop.*no transform"),
        (TransformSpec(name="Path"), "no transform"),
        (TransformSpec(name="HorizontalFlip", arguments={"probability": 1}), "HorizontalFlip: .*probability"),
        (TransformSpec(name="GaussianBlur", arguments={"p": "often"}), "GaussianBlur"),
        (TransformSpec(name="RandomCrop", arguments={"height": 16, "width": 16}), r"gives \(16, 16, 3\)"),
        (
            TransformSpec(name="RandomCrop", arguments={"height": 64, "width": 64}),
            r"Crop size .*\(64, 64\) vs \(32, 32\)",
        ),
        (TransformSpec(name="MaskDropout", arguments={"p": 1}), "requires .*mask"),
        (TransformSpec(name="BasicTransform"), "BasicTransform: NotImplementedError"),
    ],
)
def test_a_transform_that_cannot_be_used_is_named(spec: TransformSpec, said: str) -> None:
    with pytest.raises(FauxfaceError, match=f"augmentation: .*{said}"):
        Augmenter([spec], 32)


def test_nested_transforms_are_built(image: np.ndarray) -> None:
    one_of = TransformSpec(
        name="OneOf", arguments={"p": 1.0}, transforms=(TransformSpec(name="InvertImg", arguments={"p": 1}),)
    )
    assert np.array_equal(Augmenter([one_of], 32)(image, (0,)), 255 - image)
