from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from tasks.imaging.decode import decode
from tasks.imaging.encode import encoded_again
from tasks.imaging.resize import resize_to
from tasks.imaging.trivial_features import jpeg_quality
from tasks.training.batches.augment import Augmenter
from tasks.training.batches.equalise import Equalisation, equalise
from tasks.training.recipe.recipes import TransformSpec

SIDE = 128
FACES = 40


@pytest.fixture(scope="module")
def photographs(real_data: Path) -> np.ndarray:
    """Camera photographs whose own traces are scaled away, (n, SIDE, SIDE, 3)."""
    with zipfile.ZipFile(real_data / "faces" / "ffhq_stylegan.zip") as archive:
        names = [name for name in archive.namelist() if name.startswith("real/")][:FACES]
        decoded = [decode(archive.read(name), max_pixels=10**7).pixels for name in names]
    return np.stack([resize_to(pixels, SIDE) for pixels in decoded])


def blockiness(face: np.ndarray) -> float:
    """How much larger steps between neighbours are on the borders of JPEG's blocks than within them."""
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(float)
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    return float(steps[7::8].mean() / np.delete(steps, np.s_[7::8]).mean())


def told_apart(reals: np.ndarray, fakes: np.ndarray) -> float:
    """How well blockiness alone tells two classes apart, as an AUC."""
    values = [blockiness(face) for face in (*reals, *fakes)]
    return float(roc_auc_score([0] * len(reals) + [1] * len(fakes), values))


def equalised(faces: np.ndarray, ranges: Equalisation, first: int) -> np.ndarray:
    return np.stack([equalise(face, ranges, np.random.default_rng((first, n))) for n, face in enumerate(faces)])


def test_the_container_gives_the_label_away_before_and_not_after(photographs: np.ndarray) -> None:
    """The same photographs twice: as they are, and as JPEG files. Nothing but the container tells them apart."""
    encoded = np.stack([encoded_again(face, 60) for face in photographs])
    assert told_apart(photographs, encoded) > 0.95
    ranges = Equalisation(quality=(40, 80), scale=(0.5, 1))
    assert told_apart(equalised(photographs, ranges, 1), equalised(encoded, ranges, 2)) < 0.65


def test_the_ranges_are_what_is_drawn_from(photographs: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    sides: list[int] = []
    files: list[bytes] = []
    resize, read = cv2.resize, cv2.imdecode

    def resize_noting(*given: Any, **named: Any) -> Any:
        sides.append(given[1][0])
        return resize(*given, **named)

    def read_noting(content: np.ndarray, *given: Any) -> Any:
        files.append(content.tobytes())
        return read(content, *given)

    monkeypatch.setattr(cv2, "resize", resize_noting)
    monkeypatch.setattr(cv2, "imdecode", read_noting)
    for number in range(300):
        equalise(photographs[0], Equalisation(quality=(50, 60), scale=(0.25, 0.75)), np.random.default_rng(number))
    assert (min(sides[::2]), max(sides[::2]), set(sides[1::2])) == (32, 96, {SIDE})
    assert {jpeg_quality(content) for content in files} == set(range(50, 61))


def test_a_fixed_quality_at_full_size_is_that_file(photographs: np.ndarray) -> None:
    found = equalise(photographs[3], Equalisation(quality=(75, 75), scale=(1, 1)), np.random.default_rng(0))
    assert np.array_equal(found, encoded_again(photographs[3], 75))
    np.testing.assert_allclose(found.mean(axis=(0, 1)), photographs[3].mean(axis=(0, 1)), atol=1)  # red is red


def test_every_face_is_equalised_before_it_is_augmented_by_its_seed_alone(photographs: np.ndarray) -> None:
    ranges = Equalisation(quality=(30, 95), scale=(0.5, 1))
    augmenter = Augmenter([TransformSpec(name="InvertImg", arguments={"p": 1})], SIDE, ranges)
    seeds = [(7, number) for number in range(FACES)]
    alone = [augmenter(face, seed) for face, seed in zip(photographs, seeds, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(augmenter, photographs[::-1], seeds[::-1]))[::-1]
    expected = [
        255 - equalise(face, ranges, np.random.default_rng(seed)) for face, seed in zip(photographs, seeds, strict=True)
    ]
    assert np.array_equal(alone, expected)
    assert np.array_equal(together, expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"quality": [90, 60]},
        {"scale": [1, 0.5]},
        {"quality": [0, 60]},
        {"quality": [60, 101]},
        {"scale": [0, 1]},
        {"scale": [0.5, 1.5]},
        {"qualities": [60, 90]},
    ],
)
def test_ranges_that_make_no_sense_are_refused(wrong: dict[str, list[float]]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Equalisation.model_validate(wrong)
