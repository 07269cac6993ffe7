from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gaussian_kde

from tasks.evaluation.calibration import expected_calibration_error, fit_temperature, reliability
from tasks.evaluation.threshold import best_threshold, false_alarm_threshold


def balanced_accuracy(labels: np.ndarray, says_fake: np.ndarray) -> float:
    return float((np.mean(says_fake[labels == 1]) + np.mean(~says_fake[labels == 0])) / 2)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=40))
def test_the_threshold_is_one_wherever_the_classes_lie(rows: list[tuple[int, int]]) -> None:
    labels = np.array([0, 1, *(label for label, _ in rows)])
    p_fake = np.array([3, 12, *(value for _, value in rows)]) / 20
    chosen = best_threshold(labels, p_fake)
    assert 0 <= chosen <= 1
    assert chosen not in p_fake or chosen in (0, 1)  # rounding decides nothing


@pytest.mark.parametrize(
    ("real", "fake", "best"),  # mean and deviation of the logits; where their densities cross
    [((-1, 1), (1, 1), 0.0), ((-2, 1), (0, 1), -1.0), ((-1, 0.5), (1, 1.5), -0.16)],
)
def test_the_threshold_is_near_the_best_and_nearer_than_that_of_the_steps(
    real: tuple[float, float], fake: tuple[float, float], best: float
) -> None:
    random = np.random.default_rng(1)
    chosen, steps = [], []
    for _ in range(60):
        logits = np.concatenate([random.normal(*real, 150), random.normal(*fake, 120)])
        labels = np.repeat([0, 1], [150, 120])
        p_fake = 1 / (1 + np.exp(-logits))
        chosen.append(np.log(1 / (1 / best_threshold(labels, p_fake) - 1)))
        steps.append(max(logits, key=lambda edge: balanced_accuracy(labels, logits >= edge)))
    assert np.mean(chosen) == pytest.approx(best, abs=0.12)
    assert np.std(chosen) < 0.8 * np.std(steps)


@pytest.mark.parametrize("classes", [((-1, 1), (1, 1)), ((-3, 0.5), (2, 2))])
def test_no_other_threshold_is_much_better(classes: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Of many faces the steps are as good as smooth, and more thresholds than are tried."""
    random = np.random.default_rng(2)
    labels = np.repeat([0, 1], 3000)
    p_fake = 1 / (1 + np.exp(-np.concatenate([random.normal(*each, 3000) for each in classes])))
    found = balanced_accuracy(labels, p_fake >= best_threshold(labels, p_fake))
    assert found > max(balanced_accuracy(labels, p_fake >= edge) for edge in np.linspace(0, 1, 1001)) - 0.005


@pytest.mark.parametrize("seed", range(6))
def test_the_classes_are_smoothed_as_silverman_says(seed: int) -> None:
    """Against SciPy's kernel density, of classes whose quartiles and deviation tell different spreads."""
    random = np.random.default_rng(seed)
    classes = random.standard_t(3, 60), 1.5 + random.normal(0, 0.7, 25)
    logits = np.concatenate(classes)
    edges = np.sort(logits)
    edges = (edges[:-1] + edges[1:]) / 2
    above = []
    for part in classes:
        spread = min(part.std(), np.subtract(*np.quantile(part, [0.75, 0.25])) / 1.34)
        kernel = gaussian_kde(part, bw_method=0.9 * spread * len(part) ** -0.2 / part.std(ddof=1))
        above.append(np.array([kernel.integrate_box_1d(edge, np.inf) for edge in edges]))
    p_fake = 1 / (1 + np.exp(-logits))
    chosen = best_threshold(np.repeat([0, 1], [60, 25]), p_fake)
    assert np.sum(p_fake < chosen) - 1 == np.argmax(above[1] - above[0])


def test_probabilities_of_nothing_and_of_one_have_a_threshold_between_them() -> None:
    assert best_threshold(np.array([0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1], np.float32)) == 0.5


def test_where_all_faces_have_the_same_probability_none_is_called_fake() -> None:
    for same in (0.0, 0.3, 0.5, 0.9):
        assert best_threshold(np.array([0, 1, 1]), np.full(3, same)) > same


def test_a_clean_gap_is_cut_in_its_middle() -> None:
    assert best_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])) == 0.5


def test_of_equally_good_thresholds_the_one_nearest_to_a_half_is_taken() -> None:
    labels = np.array([1, 0, 1, 0, 1, 0])
    p_fake = np.array([0.95, 0.9, 0.6, 0.4, 0.1, 0.05])
    assert best_threshold(labels, p_fake) == 0.5


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=60),
    st.sampled_from([0.01, 0.05, 0.29, 0.5]),
)
def test_no_lower_threshold_keeps_the_rate_of_false_alarms(rows: list[tuple[int, int]], rate: float) -> None:
    labels = np.array([0, *(label for label, _ in rows)])
    p_fake = np.array([3, *(value for _, value in rows)]) / 20
    chosen = false_alarm_threshold(labels, p_fake, rate)
    reals = p_fake[labels == 0]
    assert np.mean(reals >= chosen) <= rate + 1e-12
    lower = p_fake[p_fake < chosen]
    assert not len(lower) or np.mean(reals >= lower.max()) > rate


def test_one_of_a_hundred_reals_may_be_called_fake_and_none_of_fewer() -> None:
    reals = np.arange(100) / 200  # 0 to 0.495
    labels = np.array([0] * 100 + [1] * 2)
    assert false_alarm_threshold(labels, np.array([*reals, 0.1, 0.9])) == pytest.approx(0.4925)
    assert false_alarm_threshold(labels[1:], np.array([*reals[1:], 0.1, 0.9])) == pytest.approx((0.495 + 0.9) / 2)
    assert false_alarm_threshold(labels, np.array([*reals, 0.1, 0.2]), 0.0) == pytest.approx((0.495 + 1) / 2)


def test_where_a_real_is_taken_for_fake_for_certain_nothing_is_called_fake() -> None:
    p_fake = np.array([1.0, 0.2, 1.0], np.float32)
    chosen = false_alarm_threshold(np.array([0, 0, 1]), p_fake)
    assert 1.0 < chosen < 1.0001
    assert not np.any(p_fake >= chosen)


def test_neighbours_without_a_number_between_them_are_told_apart() -> None:
    just_below = np.nextafter(np.float32(1), np.float32(0))
    for below, above in ((just_below, np.float32(1)), (np.nextafter(just_below, np.float32(0)), just_below)):
        p_fake = np.array([below, above], np.float32)
        assert (p_fake >= false_alarm_threshold(np.array([0, 1]), p_fake)).tolist() == [False, True]


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


def test_a_probability_on_the_edge_of_a_bin_is_in_the_upper_one_and_1_in_the_last() -> None:
    labels, p_fake = np.array([0, 1, 1, 0, 1, 1]), np.array([0.0, 0.25, 0.5, 0.5, 0.75, 1.0])
    table = reliability(labels, p_fake, 4)
    assert table["bin"].tolist() == [0.125, 0.375, 0.625, 0.875]
    assert table["n"].tolist() == [1, 1, 2, 2]
    assert table["mean_p_fake"].tolist() == [0, 0.25, 0.5, 0.875]
    assert table["fake_share"].tolist() == [0, 1, 0.5, 1]


def test_an_empty_bin_has_no_row_and_the_bins_are_those_asked_for() -> None:
    table = reliability(np.array([1, 0]), np.array([0.99, 0.01]))
    assert table["bin"].tolist() == pytest.approx([0.5 / 15, 14.5 / 15])
    assert reliability(np.array([1, 0]), np.array([0.99, 0.01]), 2)["bin"].tolist() == [0.25, 0.75]
    assert expected_calibration_error(np.array([1, 0]), np.array([0.6, 0.8]), 1) == pytest.approx(0.2)
    assert expected_calibration_error(np.array([1, 0]), np.array([0.6, 0.8]), 10) == pytest.approx(0.6)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1, 20))
def test_bins_are_what_a_loop_says(rows: list[tuple[int, float]], bins: int) -> None:
    labels, p_fake = np.array([label for label, _ in rows]), np.array([value for _, value in rows])
    table = reliability(labels, p_fake, bins)
    number = [min(int(value * bins), bins - 1) for value in p_fake.tolist()]
    for place, row in zip(sorted(set(number)), table.to_numpy(), strict=True):
        inside = np.array([each == place for each in number])
        expected = [(place + 0.5) / bins, inside.sum(), p_fake[inside].mean(), labels[inside].mean()]
        np.testing.assert_allclose(row, expected, atol=1e-9)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.3, 10))
def test_no_other_temperature_has_less_log_loss(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    labels = np.array([0, 1, *random.integers(0, 2, 60)])
    logits = scale * (2 * labels - 1 + random.normal(0, 2, len(labels)))

    def loss(temperature: float) -> float:
        right = np.where(labels == 1, logits, -logits) / temperature  # how far on the right side
        return float(np.where(right > 0, np.log1p(np.exp(-abs(right))), np.log1p(np.exp(-abs(right))) - right).mean())

    chosen = fit_temperature(labels, logits)
    assert 0.25 <= chosen <= 20
    assert loss(chosen) <= min(loss(temperature) for temperature in np.geomspace(0.25, 20, 400)) + 1e-6


def test_the_temperature_ends_where_its_bounds_are() -> None:
    assert fit_temperature(np.array([0, 1]), np.array([-5.0, 5.0])) == pytest.approx(0.25, rel=1e-3)
    assert fit_temperature(np.array([1, 0]), np.array([-5.0, 5.0])) == pytest.approx(20, rel=1e-3)


def test_of_two_thresholds_as_near_to_a_half_the_higher_is_taken() -> None:
    """Classes that lie as far apart on either side: .25 and .75 are equally good."""
    labels = np.array([0, 1, 0, 1])
    p_fake = np.array([0.2, 0.3, 0.7, 0.8])
    assert best_threshold(labels, p_fake) in (0.25, 0.75)
    assert best_threshold(labels, p_fake) == 0.75


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=300), st.lists(st.integers(0, 40), max_size=5), st.floats(0, 0.3)
)
def test_the_strict_threshold_is_halfway_to_the_next_probability(real: list[int], fake: list[int], rate: float) -> None:
    """The lowest number of reals that may not be called fake decides; the rest by a plain search."""
    reals = np.sort(np.array(real) / 50)[::-1]
    scores = np.array([*reals, *(value / 50 for value in fake)])
    labels = np.array([0] * len(real) + [1] * len(fake))
    allowed = next(count for count in range(len(real), -1, -1) if count <= rate * len(real) + 1e-9)
    below = reals[min(allowed, len(real) - 1)]
    higher = [score for score in scores if score > below]
    expected = (below + min(higher, default=1.0)) / 2
    assert false_alarm_threshold(labels, scores, rate) == pytest.approx(expected, abs=1e-6)
