"""Distances of samples: against their formulas, another implementation, and what they must be by definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tasks.scoring.drift import ks, psi, psi_of_shares, rank_correlation, shift

SAMPLES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=200).map(np.array)


@given(SAMPLES)
def test_a_sample_does_not_differ_from_itself(sample: np.ndarray) -> None:
    figures = shift(sample, sample)
    assert (figures["psi"], figures["ks"], figures["ks_p"]) == (0, 0, 1)


@given(SAMPLES, SAMPLES)
def test_ks_is_the_largest_distance_of_the_distribution_functions(a: np.ndarray, b: np.ndarray) -> None:
    points = np.concatenate([a, b])
    distances = np.abs((a[:, None] <= points).mean(axis=0) - (b[:, None] <= points).mean(axis=0))
    assert shift(a, b)["ks"] == pytest.approx(distances.max(), abs=1e-6)


def test_the_p_value_is_that_of_another_implementation() -> None:
    random = np.random.default_rng(6)
    a, b = random.normal(0, 1, 4000), random.normal(0.05, 1, 3000)
    other = stats.ks_2samp(a, b, method="asymp")
    assert ks(a, b) == pytest.approx(other.statistic)
    assert shift(a, b)["ks_p"] == pytest.approx(other.pvalue, rel=0.05)


def test_psi_by_hand() -> None:
    before = np.arange(10) / 10 + 0.05
    after = np.array([0.05] * 5 + [0.95] * 5)
    # Deciles of `before` hold one tenth each; of `after` a half lies in the first and in the last, none between.
    by_hand = 2 * (0.5 - 0.1) * math.log(0.5 / 0.1) + 8 * (1e-4 - 0.1) * math.log(1e-4 / 0.1)
    assert psi(before, after) == pytest.approx(by_hand)
    assert psi_of_shares(np.array([0.5, 0.5]), np.array([0.4, 0.6])) == pytest.approx(
        -0.1 * math.log(0.8) + 0.1 * math.log(1.2)
    )


def test_psi_of_two_samples_of_one_distribution_is_small_and_of_two_large() -> None:
    random = np.random.default_rng(5)
    one, same, other = random.beta(2, 3, 5000), random.beta(2, 3, 5000), random.beta(3, 2, 5000)
    assert 0 < (psi(one, same) or 0) < 3 * 18 / 5000
    assert (psi(one, other) or 0) > 0.2


def test_what_is_not_defined_is_none() -> None:
    none, some = np.array([]), np.array([0.1, 0.2, 0.3])
    assert shift(none, some) == {
        "n_a": 0, "n_b": 3, "psi": None, "ks": None, "ks_p": None, "mean_a": None, "mean_b": 0.2,
    }  # fmt: skip
    assert rank_correlation(some[:2], some[:2]) is None
    assert rank_correlation(some, np.full(3, 0.5)) is None


def test_rank_correlation_follows_order_alone() -> None:
    values = np.array([0.1, 0.5, 0.2, 0.9])
    assert rank_correlation(values, values**3) == 1
    assert rank_correlation(values, 1 - values) == -1
    assert rank_correlation(np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])) == pytest.approx(0.8)


def test_a_score_on_an_edge_is_in_the_bin_above() -> None:
    """Of as many 0 as 1 the deciles are 0, a half and 1: nothing lies below 0, and 0 and .25 lie in one bin."""
    before, after = np.repeat([0.0, 1.0], 50), np.repeat([0.0, 0.25], 50)
    p, q = np.array([1e-4, 0.5, 1e-4, 0.5]), np.array([1e-4, 1.0, 1e-4, 1e-4])
    assert psi(before, after) == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert psi(before, np.array([])) is psi(np.array([]), before) is None


def test_the_figures_of_a_shift_by_hand() -> None:
    figures = shift(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.3, 0.9]))
    assert (figures["n_a"], figures["n_b"], figures["mean_a"], figures["mean_b"]) == (4, 2, 0.25, 0.6)
    assert figures["ks"] == 0.5  # at .2 two of four lie below and none of two
    assert figures["ks_p"] == pytest.approx(stats.kstwobign.sf(0.5 * (8 / 6) ** 0.5))
    assert shift(np.array([0.1]), np.array([]))["mean_a"] == 0.1


def test_three_pairs_are_the_fewest_with_a_rank_correlation() -> None:
    values = np.array([0.3, 0.1, 0.2])
    assert rank_correlation(values, values) == 1
    assert rank_correlation(np.full(3, 0.5), values) is None
    assert rank_correlation(np.arange(6.0), np.array([1.0, 0, 3, 2, 4, 5])) == round(1 - 6 * 4 / (6 * 35), 6)
