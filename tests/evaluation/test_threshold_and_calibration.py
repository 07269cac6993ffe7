from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation.calibration import expected_calibration_error, fit_temperature, reliability
from tasks.evaluation.threshold import best_threshold


def balanced_accuracy(labels: np.ndarray, says_fake: np.ndarray) -> float:
    return float((np.mean(says_fake[labels == 1]) + np.mean(~says_fake[labels == 0])) / 2)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=40))
def test_no_other_threshold_is_better(rows: list[tuple[int, int]]) -> None:
    labels = np.array([0, 1, *(label for label, _ in rows)])
    p_fake = np.array([3, 12, *(value for _, value in rows)]) / 20
    chosen = best_threshold(labels, p_fake)
    others = [balanced_accuracy(labels, p_fake >= edge) for edge in np.linspace(0, 1.05, 211)]
    assert balanced_accuracy(labels, p_fake >= chosen) == pytest.approx(max(others))
    assert 0 <= chosen <= 1


def test_a_clean_gap_is_cut_in_its_middle() -> None:
    assert best_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])) == 0.5


def test_of_equally_good_thresholds_the_one_nearest_to_a_half_is_taken() -> None:
    labels = np.array([1, 0, 1, 0, 1, 0])
    p_fake = np.array([0.95, 0.9, 0.6, 0.4, 0.1, 0.05])
    assert best_threshold(labels, p_fake) == 0.5


def test_the_temperature_that_made_the_logits_is_found() -> None:
    random = np.random.default_rng(1)
    true = random.normal(0, 2, 20_000)
    labels = (random.random(20_000) < 1 / (1 + np.exp(-true))).astype(int)
    assert fit_temperature(labels, 3 * true) == pytest.approx(3, rel=0.05)
    assert fit_temperature(labels, true) == pytest.approx(1, rel=0.05)


def test_without_an_error_the_temperature_stays_bounded() -> None:
    assert 0.2 < fit_temperature(np.array([0, 1]), np.array([-50.0, 50.0])) < 21


def test_calibration_error_by_hand() -> None:
    labels = np.array([0, 1, 1, 1, 0])
    p_fake = np.array([0.31, 0.33, 0.9, 0.92, 1.0])
    table = reliability(labels, p_fake)
    assert table["n"].tolist() == [2, 2, 1]
    assert table["fake_share"].tolist() == [0.5, 1.0, 0.0]
    assert table["mean_p_fake"].tolist() == pytest.approx([0.32, 0.91, 1.0])
    assert expected_calibration_error(labels, p_fake) == pytest.approx((2 * 0.18 + 2 * 0.09 + 1.0) / 5)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=60))
def test_every_row_is_in_one_bin(rows: list[tuple[int, float]]) -> None:
    labels, p_fake = np.array([label for label, _ in rows]), np.array([value for _, value in rows])
    assert reliability(labels, p_fake)["n"].sum() == len(rows)
    assert 0 <= expected_calibration_error(labels, p_fake) <= 1
