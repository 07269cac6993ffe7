from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image

from tasks.params import FauxfaceError
from tasks.training.batches.augment import Augmenter
from tasks.training.batches.randaugment import OPERATIONS, RandAugment
from tasks.training.recipe.recipes import TransformSpec

SIDE = 64


@pytest.fixture
def image() -> np.ndarray:
    """Smooth colours, no value near its limits."""
    coarse = np.random.default_rng(1).uniform(60, 200, (5, 5, 3))
    return np.clip(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def apply(name: str, amount: float, image: np.ndarray) -> np.ndarray:
    return np.asarray(OPERATIONS[name](Image.fromarray(image), amount))


def spec(**arguments: float) -> TransformSpec:
    return TransformSpec(name="RandAugment", arguments=arguments)


def test_equal_seeds_give_equal_images_in_any_thread(image: np.ndarray) -> None:
    augmenter = Augmenter([spec(num_ops=20, magnitude=15)], SIDE)
    seeds = [(3, number) for number in range(48)]
    alone = [augmenter(image, seed) for seed in seeds]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: augmenter(image, seed), reversed(seeds)))[::-1]
    assert np.array_equal(alone, together)
    assert len({each.tobytes() for each in alone}) == len(seeds)


def test_every_operation_is_drawn_as_often_in_both_directions() -> None:
    transform = RandAugment(num_ops=20, magnitude=15)
    transform.set_random_seed(1)
    drawn = Counter(operation for _ in range(700) for operation in transform.get_params()["operations"])
    assert set(drawn) == {(name, sign) for name in OPERATIONS for sign in (-1, 1)}
    assert len(OPERATIONS) == 14
    assert 400 < min(drawn.values()) < max(drawn.values()) < 600


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"auto_contrast", "equalize"}))
def test_without_magnitude_only_what_knows_none_changes_anything(name: str, image: np.ndarray) -> None:
    assert np.array_equal(apply(name, 0, image), image)


def test_contrast_is_stretched_channel_by_channel_to_the_whole_range(image: np.ndarray) -> None:
    for name in ("auto_contrast", "equalize"):
        stretched = apply(name, 0.5, image)
        assert (stretched.min(axis=(0, 1)) <= 2).all()
        assert (stretched.max(axis=(0, 1)) >= 253).all()


def test_tones_are_what_their_formulas_say(image: np.ndarray) -> None:
    values = image.astype(float)
    grey = values @ [0.299, 0.587, 0.114]
    assert np.array_equal(apply("posterize", 0.5, image), image // 4 * 4)
    assert np.array_equal(apply("solarize", -0.5, image), np.where(image < 128, image, 255 - image))
    np.testing.assert_allclose(apply("brightness", -0.5, image), 0.55 * values, atol=1)
    np.testing.assert_allclose(apply("color", -0.5, image), 0.55 * values + 0.45 * grey[..., None], atol=1.5)
    np.testing.assert_allclose(apply("contrast", -0.5, image), 0.55 * values + 0.45 * grey.mean(), atol=1.5)
    assert np.abs(cv2.Laplacian(apply("sharpness", 1, image), cv2.CV_64F)).sum() > (
        np.abs(cv2.Laplacian(apply("sharpness", -1, image), cv2.CV_64F)).sum()
    )


def test_geometry_is_what_its_matrices_say(image: np.ndarray) -> None:
    pixels = round(150 / 331 * 0.5 * SIDE)  # 14.5, of which the nearest neighbour is taken
    moved = apply("translate_x", 0.5, image)
    assert any(np.array_equal(moved[:, : SIDE - step], image[:, step:]) for step in (pixels, pixels + 1))
    assert not moved[:, SIDE - pixels + 1 :].any()  # black where there was nothing
    assert np.array_equal(
        apply("translate_y", 0.5, image), apply("translate_x", 0.5, image.transpose(1, 0, 2)).transpose(1, 0, 2)
    )
    sheared = apply("shear_x", 1, image)
    assert np.array_equal(sheared[0], image[0])
    assert np.array_equal(sheared[50, : SIDE - 16], image[50, 15 : SIDE - 1])  # 0.3 of 50 rows to the left
    assert np.array_equal(apply("shear_y", 1, image), apply("shear_x", 1, image.transpose(1, 0, 2)).transpose(1, 0, 2))
    turn = cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), 15, 1)
    expected = cv2.warpAffine(image, turn, (SIDE, SIDE))
    inside = np.s_[12:-12, 12:-12]
    assert np.abs(apply("rotate", 0.5, image)[inside].astype(int) - expected[inside]).mean() < 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"num_ops": 0}, "num_ops"),
        ({"magnitude": 31}, "magnitude"),
        ({"magnitude": -1}, "magnitude"),
        ({"n": 2}, "n"),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments: dict[str, float], said: str) -> None:
    with pytest.raises(FauxfaceError, match=f"augmentation: RandAugment: .*{said}"):
        Augmenter([spec(**arguments)], SIDE)
