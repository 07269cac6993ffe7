"""The distance from the faces trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.params import FauxfaceError
from tasks.scoring.familiar import AXES, Familiarity

DIMENSIONS = 100


def features(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two classes with a covariance of few strong directions, as a network's last features have."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    strong = np.random.default_rng(0).normal(0, 1, (5, DIMENSIONS))
    values = random.normal(0, 3, (n, 5)) @ strong + random.normal(0, 0.5, (n, DIMENSIONS)) + 4 * labels[:, None]
    return values, labels


def test_faces_like_those_trained_on_are_near_and_others_far() -> None:
    known = Familiarity.fit(*features(600, 1))
    near = known.distance(features(300, 2)[0])
    assert 0.8 < np.median(near) < 1.3
    assert np.quantile(near, 0.99) < 1.6
    odd = features(300, 3)[0]
    odd[:, :50] += np.random.default_rng(4).normal(0, 3, (300, 50))  # where known features hardly spread
    assert known.distance(odd).min() > np.quantile(near, 0.99)


def test_a_large_value_along_a_strong_direction_is_no_news() -> None:
    values, labels = features(600, 1)
    known = Familiarity.fit(values, labels)
    strong = np.random.default_rng(0).normal(0, 1, (5, DIMENSIONS))[0]
    across = np.linalg.svd(np.random.default_rng(0).normal(0, 1, (5, DIMENSIONS)))[2][-1]
    middle = values[labels == 0].mean(axis=0)
    along, beside = (middle + 10 * way / np.linalg.norm(way) for way in (strong, across))
    assert known.distance(beside[None])[0] > 2 * known.distance(along[None])[0]


def test_either_class_is_familiar() -> None:
    values, labels = features(600, 1)
    known = Familiarity.fit(values, labels)
    means = np.stack([values[labels == label].mean(axis=0) for label in (0, 1)])
    np.testing.assert_allclose(known.distance(means), 0, atol=1e-3)
    assert known.distance(means.mean(axis=0)[None])[0] > 0.1


@pytest.mark.parametrize("n", [4, AXES, 3 * AXES])
def test_few_faces_and_features_that_never_change_are_no_error(n: int) -> None:
    values, labels = features(n, 1)
    labels[:2] = 0, 1
    values[:, 3] = 7.0
    found = Familiarity.fit(values, labels).distance(features(9, 2)[0])
    assert np.isfinite(found).all()
    assert (found > 0).all()


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    values, labels = features(200, 1)
    known = Familiarity.fit(values, labels)
    known.save(tmp_path / "a")
    known.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    np.testing.assert_array_equal(Familiarity.load(tmp_path / "a").distance(values), known.distance(values))


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 40])
def test_a_file_of_something_else_is_an_error_of_ours(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(FauxfaceError, match="cannot be read"):
        Familiarity.load(tmp_path / "x")
