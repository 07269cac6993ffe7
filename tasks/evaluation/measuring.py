"""The figures of a model on one set of predictions, each with its interval, beside the trivial baseline's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.evaluation.confidence import intervals
from tasks.evaluation.coverage import coverage_curve, three_answers
from tasks.evaluation.metrics import rates, summary
from tasks.params import EvaluateParams

BASELINE_FIGURES = ("accuracy", "balanced_accuracy", "roc_auc")
BRIEF = ("roc_auc", "eer", "accuracy", "balanced_accuracy")
Bounds = dict[str, list[float] | None]


@dataclass(frozen=True)
class Judge:
    """What every set of rows is measured with: the model's thresholds, the baseline's own, the bootstrap."""

    threshold: float
    false_alarm: float
    baseline_threshold: float
    params: EvaluateParams

    def of(self, score: str) -> float:
        """Return the threshold of the best balanced accuracy that belongs to a column of scores."""
        return self.baseline_threshold if score == "p_trivial" else self.threshold


def measure(rows: pd.DataFrame, judge: Judge) -> dict[str, Any]:
    """Return all figures of the model on `rows` of predictions, their intervals, and the baseline's."""
    figures = _with_intervals(rows, "p_fake", judge.of("p_fake"), judge.params)
    points = {"balanced": judge.threshold, "false_alarm": judge.false_alarm}
    at = {name: _operating_point(rows, threshold, judge.params) for name, threshold in points.items()}
    answers = {"three_answers": three_answers(rows), "coverage": coverage_curve(rows, judge.threshold)}
    return {**figures, "operating_points": at, **answers, "baseline": baseline_figures(rows, judge)}


def brief(rows: pd.DataFrame, judge: Judge, score: str = "p_fake") -> dict[str, Any]:
    """Return what a line of a table says of `rows`: counts, BRIEF, hit rate and false alarms, with their intervals.

    `hit_rate` is the share of fakes called fake, `false_alarms` that of reals called fake, at the threshold of the best
    balanced accuracy. What rows of one class cannot give is None. `score` may be `p_trivial`, the baseline's.
    """
    figures = _with_intervals(rows, score, judge.of(score), judge.params)
    bounds = figures["intervals"]
    return {
        **{name: figures[name] for name in ("n", "n_fake", "n_real", "groups", *BRIEF)},
        "hit_rate": figures["accuracy_fake"],
        "false_alarms": complement(figures["accuracy_real"]),
        "intervals": {name: bounds[name] for name in BRIEF} | _rate_bounds(bounds),
    }


def baseline_figures(rows: pd.DataFrame, judge: Judge) -> dict[str, Any]:
    """Return BASELINE_FIGURES of the trivial baseline on `rows`, with intervals."""
    trivial = _with_intervals(rows, "p_trivial", judge.of("p_trivial"), judge.params)
    bounds = {name: trivial["intervals"][name] for name in BASELINE_FIGURES}
    return {**{name: trivial[name] for name in BASELINE_FIGURES}, "intervals": bounds}


def complement(value: float | None) -> float | None:
    """Return 1 - value, of None None."""
    return None if value is None else 1 - value


def _rate_bounds(bounds: Bounds) -> Bounds:
    real = bounds["accuracy_real"]
    return {"hit_rate": bounds["accuracy_fake"], "false_alarms": real and [1 - real[1], 1 - real[0]]}


def _operating_point(rows: pd.DataFrame, threshold: float, params: EvaluateParams) -> dict[str, Any]:
    labels, p_fake = rows["label"].to_numpy(), rows["p_fake"].to_numpy(np.float64)
    found = _bounds(rows, p_fake, threshold, params)
    named = _rate_bounds(found)
    bounds = {"accuracy": found["accuracy"], "fpr": named["false_alarms"], "tpr": named["hit_rate"]}
    return {**rates(labels, p_fake, threshold), "intervals": bounds}


def _with_intervals(rows: pd.DataFrame, score: str, threshold: float, params: EvaluateParams) -> dict[str, Any]:
    scores = rows[score].to_numpy(np.float64)
    figures = summary(rows["label"].to_numpy(), scores, threshold)
    bounds = _bounds(rows, scores, threshold, params)
    return {**figures, "groups": int(rows["group"].nunique()), "intervals": bounds}


def _bounds(rows: pd.DataFrame, scores: NDArray[np.float64], threshold: float, params: EvaluateParams) -> Bounds:
    groups = rows["group"].to_numpy(dtype=object)
    return intervals(rows["label"].to_numpy(), scores, groups, threshold, params.bootstrap, params.seed)
