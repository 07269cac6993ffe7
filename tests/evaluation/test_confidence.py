from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from tasks.evaluation import confidence
from tasks.evaluation.confidence import INTERVALS, intervals
from tasks.evaluation.metrics import summary


def sample(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    return labels, np.round(1 / (1 + np.exp(-(2 * labels - 1 + random.normal(0, 1.5, n)))), 2)


def each(n: int) -> np.ndarray:
    return np.array([f"row {number}" for number in range(n)], object)


def test_an_interval_holds_the_figure_and_repeats_with_its_seed() -> None:
    labels, p_fake = sample(300)
    bounds = intervals(labels, p_fake, each(300), 0.5, 500, seed=1)
    figures = summary(labels, p_fake, 0.5)
    for name in INTERVALS:
        low, high = bounds[name] or (np.nan, np.nan)
        assert low < figures[name] < high, name
    assert bounds == intervals(labels, p_fake, each(300), 0.5, 500, seed=1)
    assert bounds != intervals(labels, p_fake, each(300), 0.5, 500, seed=2)


def test_the_interval_of_an_accuracy_is_as_wide_as_theory_says() -> None:
    labels, p_fake = sample(400)
    accuracy = summary(labels, p_fake, 0.5)["accuracy"]
    low, high = intervals(labels, p_fake, each(400), 0.5, 4000, seed=1)["accuracy"] or (0, 0)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(accuracy * (1 - accuracy) / 400), rel=0.1)


def test_repeated_images_of_a_group_add_no_certainty() -> None:
    labels, p_fake = sample(60)
    many_labels, many_p = np.repeat(labels, 10), np.repeat(p_fake, 10)
    groups = np.repeat(each(60), 10)
    once = intervals(labels, p_fake, each(60), 0.5, 1000, seed=1)
    by_group = intervals(many_labels, many_p, groups, 0.5, 1000, seed=1)
    by_row = intervals(many_labels, many_p, each(600), 0.5, 1000, seed=1)
    for name in INTERVALS:
        widths = [high - low for low, high in (once[name] or (0, 0), by_group[name] or (0, 0), by_row[name] or (0, 0))]
        assert widths[1] == pytest.approx(widths[0], rel=1e-9), name
        assert widths[2] < 0.6 * widths[1], name


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 30))
def test_a_weighted_draw_equals_the_figures_of_the_repeated_rows(seed: int, n: int) -> None:
    labels, p_fake = sample(n, seed)
    labels[:2] = (0, 1)
    counts = np.random.default_rng(seed).integers(0, 4, n)
    counts[:2] += 1
    drawn = confidence._figures(counts[None].astype(float), labels, p_fake, 0.5)
    expected = summary(np.repeat(labels, counts), np.repeat(p_fake, counts), 0.5)
    for name in INTERVALS:
        if expected[name] is None:
            assert np.isnan(drawn[name][0])
        else:
            assert drawn[name][0] == pytest.approx(expected[name]), name


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, p_fake = sample(50)
    whole = intervals(labels, p_fake, each(50), 0.5, 100, seed=1)
    monkeypatch.setattr(confidence, "CHUNK", 50 * 7)
    assert intervals(labels, p_fake, each(50), 0.5, 100, seed=1) == whole


def test_one_class_or_one_group_has_no_interval_where_there_is_nothing_to_say() -> None:
    ones = np.ones(20, int)
    bounds = intervals(ones, np.linspace(0, 1, 20), each(20), 0.5, 100, seed=1)
    assert bounds["accuracy"] is not None
    assert bounds["accuracy_real"] is bounds["roc_auc"] is bounds["precision"] is None
    alone = intervals(ones, np.linspace(0, 1, 20), np.full(20, "same", object), 0.5, 100, seed=1)
    assert set(alone.values()) == {None}


def test_an_interval_is_that_of_a_plain_bootstrap() -> None:
    """Groups of one to three rows drawn by NumPy, figures of the drawn rows by scikit-learn, two percentiles."""
    labels, p_fake = sample(40, 3)
    groups = np.repeat(each(20), [1, 2, 3, 2] * 5).astype(object)
    bounds = intervals(labels, p_fake, groups, 0.5, 200, seed=7)
    random = np.random.default_rng(7)
    names, numbers = np.unique(groups.astype(str), return_inverse=True)
    draws = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=200)
    figures = [summary(np.repeat(labels, draw[numbers]), np.repeat(p_fake, draw[numbers]), 0.5) for draw in draws]
    for name in INTERVALS:
        known = [figure[name] for figure in figures if figure[name] is not None]
        assert bounds[name] == pytest.approx(np.percentile(known, [2.5, 97.5])), name


def test_a_probability_at_the_threshold_is_fake_in_every_draw() -> None:
    labels, p_fake = np.array([1, 1, 0, 0]), np.array([0.5, 0.5, 0.4, 0.4])
    assert intervals(labels, p_fake, each(4), 0.5, 50, seed=1)["accuracy"] == [1, 1]


def test_two_groups_have_an_interval_and_one_has_none() -> None:
    labels, p_fake = np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.2, 0.3])
    two = intervals(labels, p_fake, np.array(["a", "a", "b", "b"], object), 0.5, 50, seed=1)
    assert two["accuracy"] == [0.5, 1]
    none = intervals(np.array([], int), np.array([]), np.array([], object), 0.5, 50, seed=1)
    assert set(none.values()) == {None}


def test_intervals_hold_the_truth_about_95_times_in_100() -> None:
    """Faces of one group are alike; drawn by face, intervals would be too narrow and hold it far less often."""
    random = np.random.default_rng(8)
    distance, alike, apart = 1.2, 1.0, 0.5
    truth = norm.cdf(distance / np.sqrt(2 * (alike**2 + apart**2)))
    held = {"by group": 0, "by face": 0}
    trials, groups, size = 150, 60, 4
    for trial in range(trials):
        group = np.repeat(np.arange(groups), size)
        labels = (group % 2).astype(np.int8)
        logits = distance * labels + alike * random.normal(size=groups)[group] + apart * random.normal(size=len(group))
        scores = norm.cdf(logits)
        for name, drawn in (("by group", group), ("by face", np.arange(len(group)))):
            found = intervals(labels, scores, drawn.astype(str).astype(object), 0.5, 200, trial)["roc_auc"]
            assert found is not None
            held[name] += found[0] <= truth <= found[1]
    assert 0.90 <= held["by group"] / trials <= 0.99
    assert held["by face"] / trials < 0.80
