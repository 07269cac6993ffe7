"""The evaluation of a trained model on test rows that decided nothing about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.evaluation.baseline import TrivialBaseline
from tasks.evaluation.confidence import intervals
from tasks.evaluation.coverage import coverage_curve, three_answers
from tasks.evaluation.metrics import rates, summary
from tasks.evaluation.plots import NAMES, plot_frames
from tasks.evaluation.threshold import FALSE_ALARM_RATE, best_threshold
from tasks.params import EvaluateParams, FauxfaceError

ERRORS_SHOWN = 12  # of each kind
BASELINE_FIGURES = ("accuracy", "balanced_accuracy", "roc_auc")

OVERALL, IN_DOMAIN = "overall", "in_domain"


@dataclass(frozen=True)
class Evaluation:
    """The report for reports/evaluate.json (finite numbers, stable order) and the frames behind the plots."""

    report: dict[str, Any]
    plots: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class _Judge:
    """What every set of rows is measured with: the model's thresholds, the baseline and its own, the bootstrap."""

    threshold: float
    false_alarm: float
    baseline: TrivialBaseline
    baseline_threshold: float
    params: EvaluateParams


def evaluate(
    train: pd.DataFrame,
    valid: pd.DataFrame,
    test: pd.DataFrame,
    threshold: float,
    false_alarm: float,
    params: EvaluateParams,
) -> Evaluation:
    """Measure a model on `test`, at the `threshold` of the best balanced accuracy that was chosen on `valid`.

    `operating_points` has accuracy and both rates at that threshold and at `false_alarm`, the model's other one;
    `three_answers` and `coverage` say how much is answered at what error (see coverage.py).

    `train`, what the model was trained on, has the trivial features and labels (`feature_rows`), `valid` and `test`
    scores as well (`scored_rows`).
    `overall` are all test rows, `in_domain` those of data sets that also took part in training, `datasets` each by
    itself; `cross` sets the fakes or reals of a one-class data set against the in-domain reals or fakes, all of them
    and those of each data set. Each stands beside the trivial-feature baseline on the same rows. Raises FauxfaceError
    when there is nothing to measure.
    """
    for name, rows in (("train", train), ("valid", valid), ("test", test)):
        if rows.empty:
            raise FauxfaceError(f"evaluation: the {name} split holds no faces. Run `fauxface split` again.")
    # Else NumPy would round the thresholds to float32, and a face could have another verdict than scoring gives it.
    valid, test = (rows.assign(p_fake=rows["p_fake"].astype(np.float64)) for rows in (valid, test))
    baseline = TrivialBaseline(params.seed).fit(train)
    trivial = best_threshold(valid["label"].to_numpy(), baseline.p_fake(valid))
    judge = _Judge(threshold, false_alarm, baseline, trivial, params)
    known = set(train["dataset"])
    in_domain = test[test["dataset"].isin(known)]
    datasets = {str(name): rows for name, rows in test.groupby("dataset", sort=True)}
    cross, by_dataset = _cross_sets({name: rows for name, rows in datasets.items() if name not in known}, in_domain)
    report = {
        "threshold": {"value": threshold, "chosen_on": "valid", "by": "best balanced accuracy", "n": len(valid)},
        "threshold_false_alarm": _false_alarm(false_alarm, valid),
        OVERALL: _measure(test, judge),
        IN_DOMAIN: _measure(in_domain, judge) if len(in_domain) else None,
        "datasets": {name: {"in_training": name in known, **_measure(rows, judge)} for name, rows in datasets.items()},
        "cross": {name: _measure(rows, judge) for name, rows in (cross | by_dataset).items()},
        "errors": _errors(test, threshold),
    }
    main = IN_DOMAIN if len(in_domain) else OVERALL
    sets = {main: in_domain if len(in_domain) else test, **datasets, **cross}
    return Evaluation(_rounded(report), plot_frames(sets, main, threshold))


def _false_alarm(threshold: float, valid: pd.DataFrame) -> dict[str, Any]:
    """Return where the threshold of few false alarms is from; `n` are the reals that decided it."""
    by = f"at most {100 * FALSE_ALARM_RATE:g} % false alarms"
    return {"value": threshold, "chosen_on": "valid", "by": by, "n": int((valid["label"] == 0).sum())}


def _cross_sets(
    test_only: Mapping[str, pd.DataFrame], in_domain: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return each one-class data set with the in-domain test rows of the other class; and with those of each data set.

    The latter only where there are several.
    """
    whole, by_dataset = {}, {}
    for name, rows in test_only.items():
        labels = rows["label"].unique()
        others = in_domain[in_domain["label"] != labels[0]]
        if len(labels) != 1 or others.empty:
            continue
        other = NAMES[1 - int(labels[0])]
        whole[f"{name} against in-domain {other} faces"] = pd.concat([rows, others], ignore_index=True)
        if others["dataset"].nunique() > 1:
            for dataset, part in others.groupby("dataset", sort=True):
                by_dataset[f"{name} against {dataset}'s {other} faces"] = pd.concat([rows, part], ignore_index=True)
    return whole, by_dataset


def _measure(rows: pd.DataFrame, judge: _Judge) -> dict[str, Any]:
    """Return the figures of the model on `rows`, their intervals, and the baseline's."""
    figures = _with_intervals(rows, rows["p_fake"].to_numpy(), judge.threshold, judge.params)
    trivial = _with_intervals(rows, judge.baseline.p_fake(rows), judge.baseline_threshold, judge.params)
    chosen = {name: trivial[name] for name in BASELINE_FIGURES}
    bounds = {name: trivial["intervals"][name] for name in BASELINE_FIGURES}
    labels, p_fake = rows["label"].to_numpy(), rows["p_fake"].to_numpy()
    points = {"balanced": judge.threshold, "false_alarm": judge.false_alarm}
    at = {name: rates(labels, p_fake, threshold) for name, threshold in points.items()}
    answers = {"three_answers": three_answers(rows), "coverage": coverage_curve(rows, judge.threshold)}
    return {**figures, "operating_points": at, **answers, "baseline": {**chosen, "intervals": bounds}}


def _with_intervals(
    rows: pd.DataFrame, p_fake: NDArray[np.floating], threshold: float, params: EvaluateParams
) -> dict[str, Any]:
    labels, groups = rows["label"].to_numpy(), rows["group"].to_numpy(dtype=object)
    figures = summary(labels, p_fake, threshold)
    bounds = intervals(labels, p_fake, groups, threshold, params.bootstrap, params.seed)
    return {**figures, "groups": int(rows["group"].nunique()), "intervals": bounds}


def _errors(rows: pd.DataFrame, threshold: float) -> dict[str, list[dict[str, Any]]]:
    """Return the most confident errors of each kind, the most confident first."""
    called_fake = rows["p_fake"] >= threshold
    false_alarms, missed = rows[(rows["label"] == 0) & called_fake], rows[(rows["label"] == 1) & ~called_fake]
    return {
        "real_as_fake": _records(false_alarms.sort_values(["p_fake", "face_id"], ascending=[False, True])),
        "fake_as_real": _records(missed.sort_values(["p_fake", "face_id"])),
    }


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    records = rows.head(ERRORS_SHOWN)[["face_id", "dataset", "label", "p_fake"]].to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records]


def _rounded(value: Any) -> Any:
    """Return plain Python numbers with six decimals, so that the report's bytes do not hang on the last bit."""
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return round(value, 6) if isinstance(value, float) else value
