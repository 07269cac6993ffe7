"""The trivial-feature baseline: what it is told, and that it is told nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.evaluation.baseline import FEATURES, TrivialBaseline


def rows(**columns: Any) -> pd.DataFrame:
    """Eighty faces of both labels by turns that have all facts alike, but for `columns`."""
    same = {"width": 256, "height": 256, "file_bytes": 9000, "jpeg_quality": 90, "format": "JPEG", "sharpness": 0.5}
    frame = pd.DataFrame({**same, "corner_variance": 1.0, "label": np.arange(80) % 2}, index=range(80))
    return frame.assign(**columns)


@pytest.mark.parametrize("feature", [name for name in FEATURES if name != "format"])
def test_every_fact_is_looked_at(feature: str) -> None:
    told = rows().assign(**{feature: np.where(np.arange(80) % 2, 10.0, 20.0)})
    p_fake = TrivialBaseline().fit(told).p_fake(told)
    assert p_fake[1::2].min() > 0.9
    assert p_fake[::2].max() < 0.1


def test_a_format_is_told_by_its_name_and_an_unknown_one_is_none() -> None:
    told = rows(format=np.where(np.arange(80) % 2, "PNG", "JPEG"))
    baseline = TrivialBaseline().fit(told)
    assert baseline.p_fake(told.head(2)).round().tolist() == [0, 1]
    assert baseline.p_fake(told.assign(format="WEBP").head(3)).std() == 0


def test_the_label_and_what_nobody_names_are_not_looked_at() -> None:
    blind = rows(p_fake=np.arange(80) % 2, dataset=np.where(np.arange(80) % 2, "a", "b"))
    assert TrivialBaseline().fit(blind).p_fake(blind) == pytest.approx(np.full(80, 0.5))


def test_the_same_seed_gives_the_same_trees() -> None:
    random = np.random.default_rng(1)
    told = rows(width=random.integers(1, 500, 80), sharpness=random.random(80))
    one, other = (TrivialBaseline(3).fit(told).p_fake(told) for _ in range(2))
    assert one.tolist() == other.tolist()
    assert one.shape == (80,)
