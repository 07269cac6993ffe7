from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from tasks.evaluation.metrics import BOTH, confusion, rates, summary

LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 1], np.int8)
P_FAKE = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.5, 0.5], np.float32)


def test_figures_by_hand() -> None:
    """At 0.5: fakes called fake 3 of 4 (.9, .8, .5), reals called fake 2 of 4 (.7, .5)."""
    figures = summary(LABELS, P_FAKE, 0.5)
    assert figures["confusion"] == {"fake_as_fake": 3, "fake_as_real": 1, "real_as_fake": 2, "real_as_real": 2}
    assert (figures["n"], figures["n_fake"], figures["n_real"]) == (8, 4, 4)
    assert figures["accuracy"] == 5 / 8
    assert figures["accuracy_fake"] == figures["recall"] == 3 / 4
    assert figures["accuracy_real"] == 2 / 4
    assert figures["balanced_accuracy"] == 5 / 8
    assert figures["precision"] == 3 / 5
    assert figures["f1"] == pytest.approx(2 * 0.6 * 0.75 / 1.35)
    # Of 16 pairs: .9 and .8 beat all four reals, .3 beats two, .5 beats two and ties with one.
    assert figures["roc_auc"] == pytest.approx((4 + 4 + 2 + 2.5) / 16)
    assert figures["reasons"] == {}


def test_rates_along_the_curve_by_hand() -> None:
    """From the top: .9 and .8 are fakes, .7 a real, at .5 one of each. Between .7 and .5 the curve goes from (1/4, 2/4)
    to (2/4, 3/4), and half way there 3/8 of the reals are called fake and 3/8 of the fakes real.
    """
    figures = summary(LABELS, P_FAKE, 0.5)
    assert figures["eer"] == pytest.approx(3 / 8)
    assert figures["hit_rate_at_1"] == figures["hit_rate_at_5"] == 2 / 4
    perfect = summary(LABELS, LABELS.astype(np.float32), 0.5)
    assert (perfect["eer"], perfect["hit_rate_at_1"]) == (0.0, 1.0)
    assert summary(LABELS, 1 - LABELS.astype(np.float32), 0.5)["eer"] == 1.0


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_figures_equal_those_of_scikit_learn(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 40))
    labels = np.array([0, 1, *data.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))], np.int8)
    values = st.lists(st.integers(0, 10), min_size=len(labels), max_size=len(labels))
    p_fake = np.array(data.draw(values)) / 10
    threshold = data.draw(st.integers(0, 10)) / 10
    figures = summary(labels, p_fake, threshold)
    called = (p_fake >= threshold).astype(int)
    assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(labels, called))
    assert figures["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(labels, called))
    assert figures["recall"] == pytest.approx(metrics.recall_score(labels, called))
    assert figures["f1"] == pytest.approx(metrics.f1_score(labels, called))
    if called.any():
        assert figures["precision"] == pytest.approx(metrics.precision_score(labels, called))
    else:
        assert figures["precision"] is None
        assert "precision" in figures["reasons"]
    assert figures["roc_auc"] == pytest.approx(metrics.roc_auc_score(labels, p_fake))
    assert figures["average_precision"] == pytest.approx(metrics.average_precision_score(labels, p_fake))
    assert figures["brier"] == pytest.approx(metrics.brier_score_loss(labels, p_fake))


@pytest.mark.parametrize(
    ("label", "known", "unknown"), [(1, "accuracy_fake", "accuracy_real"), (0, "accuracy_real", "accuracy_fake")]
)
def test_one_class_has_no_auc_and_says_why(label: int, known: str, unknown: str) -> None:
    figures = summary(np.full(4, label, np.int8), np.array([0.9, 0.8, 0.6, 0.2]), 0.5)
    assert figures["accuracy"] == figures[known] == (0.75 if label else 0.25)
    assert figures[unknown] is None
    assert all(figures[name] is None and "one class only" in figures["reasons"][name] for name in BOTH)


def test_a_probability_at_the_threshold_is_fake() -> None:
    assert confusion(np.array([1]), np.array([0.5]), 0.5)["fake_as_fake"] == 1


def test_a_threshold_between_two_float32_is_not_rounded() -> None:
    value = np.float32(0.3)
    above = float(value) + 1e-10
    assert confusion(np.array([1, 0]), np.array([value, value]), above) == {
        "fake_as_fake": 0, "fake_as_real": 1, "real_as_fake": 0, "real_as_real": 1,
    }  # fmt: skip


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=20), st.integers(0, 4))
def test_rates_are_what_a_count_says(rows: list[tuple[int, int]], threshold: int) -> None:
    labels, p_fake = np.array([label for label, _ in rows]), np.array([value for _, value in rows]) / 4
    called = {label: [value >= threshold for each, value in rows if each == label] for label in (0, 1)}
    found = rates(labels, p_fake, threshold / 4)
    right = sum(called[1]) + len(called[0]) - sum(called[0])
    assert found["accuracy"] == right / len(rows)
    assert found["fpr"] == (sum(called[0]) / len(called[0]) if called[0] else None)
    assert found["tpr"] == (sum(called[1]) / len(called[1]) if called[1] else None)


def test_without_a_row_called_fake_precision_alone_is_undefined() -> None:
    figures = summary(LABELS, P_FAKE, 0.95)
    assert figures["reasons"] == {"precision": "no row is called fake at the threshold"}
    assert (figures["precision"], figures["recall"], figures["f1"], figures["balanced_accuracy"]) == (None, 0, 0, 0.5)
    assert figures["confusion"] == {"fake_as_fake": 0, "fake_as_real": 4, "real_as_fake": 0, "real_as_real": 4}


def test_one_class_says_which_it_is() -> None:
    for label, name in ((1, "fake"), (0, "real")):
        figures = summary(np.full(2, label), np.array([0.2, 0.9]), 0.5)
        assert (figures["n"], figures["n_fake"], figures["n_real"]) == (2, 2 * label, 2 - 2 * label)
        assert figures["reasons"]["f1"].startswith(f"one class only ({name})")
