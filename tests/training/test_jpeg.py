"""The recipe's JPEG compression against Pillow's."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.params import FauxfaceError
from tasks.training.batches.augment import Augmenter
from tasks.training.recipe.recipes import TransformSpec

Pixels = NDArray[np.uint8]


def compressed(face: Pixels, low: int, high: int, seed: int = 0) -> Pixels:
    spec = TransformSpec(name="Jpeg", arguments={"quality_range": [low, high], "p": 1.0})
    return Augmenter([spec], len(face))(face, (seed,))


def by_pillow(face: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(face).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file), np.uint8)


@pytest.fixture(scope="module")
def face() -> Pixels:
    """A picture, (256, 256, 3)."""
    colours = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)  # in which red and blue differ
    return np.asarray(Image.fromarray(colours).resize((256, 256), Image.Resampling.BICUBIC), np.uint8)


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_it_keeps_what_a_file_of_another_encoder_keeps(quality: int, face: Pixels) -> None:
    """Red and blue in their places: exchanged for the encoder, pixels differ by 0.8 to 2.6."""
    assert np.abs(compressed(face, quality, quality).astype(int) - by_pillow(face, quality)).mean() < 0.1


def test_it_draws_every_quality_of_its_range(face: Pixels) -> None:
    looks = {compressed(face, 60, 64, seed).tobytes() for seed in range(60)}
    assert looks == {compressed(face, quality, quality).tobytes() for quality in range(60, 65)}


def test_equal_seeds_give_equal_images(face: Pixels) -> None:
    random.seed(3)
    first = compressed(face, 30, 95, 7)
    random.seed(4)
    assert np.array_equal(first, compressed(face, 30, 95, 7))


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0, 90, "greater"), (50, 101, "less"), (90, 60, "less than the second")]
)
def test_a_range_that_there_is_not_is_refused(low: int, high: int, said: str, face: Pixels) -> None:
    with pytest.raises(FauxfaceError, match=f"(?s)Jpeg.*{said}"):
        compressed(face, low, high)
