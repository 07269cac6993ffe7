"""The evaluation of a trained model on test rows that decided nothing about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.evaluation.bands import bands, bands_frame
from tasks.evaluation.baseline import TrivialBaseline
from tasks.evaluation.by_source import by_source
from tasks.evaluation.grid import grid, grid_frame, sample, worst
from tasks.evaluation.headline import headline
from tasks.evaluation.measuring import Judge, measure
from tasks.evaluation.plots import plot_frames
from tasks.evaluation.predictions import predictions
from tasks.evaluation.sets import by_dataset, cross_sets, held_out
from tasks.evaluation.threshold import FALSE_ALARM_RATE, best_threshold
from tasks.params import EvaluateParams, FauxfaceError

OVERALL, IN_DOMAIN, HELD_OUT = "overall", "in_domain", "held_out"


@dataclass(frozen=True)
class Evaluation:
    """The report for reports/evaluate.json (finite numbers, stable order), the frames behind the plots, and the rows
    that all of it was computed from (columns of PREDICTIONS)."""

    report: dict[str, Any]
    plots: dict[str, pd.DataFrame]
    predictions: pd.DataFrame


def evaluate(
    train: pd.DataFrame,
    valid: pd.DataFrame,
    test: pd.DataFrame,
    threshold: float,
    false_alarm: float,
    params: EvaluateParams,
    perturb: Callable[[pd.DataFrame], dict[str, NDArray[np.float32]]] | None = None,
) -> Evaluation:
    """Measure a model on `test`, at the `threshold` of the best balanced accuracy that was chosen on `valid`.

    `operating_points` has accuracy and both rates at that threshold and at `false_alarm`, the model's other one;
    `three_answers` and `coverage` say how much is answered at what error (see coverage.py).

    `perturb` gives the p_fake of some rows after each perturbation (see grid.py); without it there is no `grid`.

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
    baseline = TrivialBaseline(params.seed).fit(train)
    trivial = best_threshold(valid["label"].to_numpy(), baseline.p_fake(valid))
    judge = Judge(threshold, false_alarm, trivial, params)
    known = test["dataset"].isin(set(train["dataset"])).to_numpy()
    rows = predictions(test, known, baseline.p_fake(test), threshold, false_alarm)
    at_home, datasets = rows[rows["trained_on"]], by_dataset(rows)
    cross, crossed_by_dataset = cross_sets(held_out(rows), at_home)
    chosen = {"chosen_on": "valid", "by": "best balanced accuracy", "n": len(valid)}
    in_bands = bands(_large_sets(rows), judge)
    chosen_faces = sample(rows, params.perturbed)
    found = grid(chosen_faces, perturb(chosen_faces), judge, params.perturbed) if perturb and params.perturbed else None
    report = {
        "threshold": {"value": threshold, **chosen},
        "threshold_false_alarm": _false_alarm(false_alarm, valid),
        "threshold_baseline": {"value": trivial, **chosen},
        "headline": headline(rows, judge, worst(found) if found else None),
        OVERALL: measure(rows, judge),
        IN_DOMAIN: measure(at_home, judge) if len(at_home) else None,
        "datasets": {name: _dataset(part, judge) for name, part in datasets.items()},
        "cross": {name: measure(part, judge) for name, part in (cross | crossed_by_dataset).items()},
        "by_source": by_source(rows, judge),
        "bands": in_bands,
        **({"grid": found} if found else {}),
    }
    main = IN_DOMAIN if len(at_home) else OVERALL
    sets = {main: at_home if len(at_home) else rows, **datasets, **cross}
    plots = {**plot_frames(sets, main, threshold), "bands": bands_frame(in_bands)}
    plots |= {"grid": grid_frame(found)} if found else {}
    return Evaluation(rounded(report), plots, rows)


def _large_sets(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return all rows, those of data sets trained on and those of the others, where there are any."""
    sets = {OVERALL: rows, IN_DOMAIN: rows[rows["trained_on"]], HELD_OUT: rows[~rows["trained_on"]]}
    return {name: part for name, part in sets.items() if len(part)}


def _dataset(rows: pd.DataFrame, judge: Judge) -> dict[str, Any]:
    return {"in_training": bool(rows["trained_on"].iloc[0]), **measure(rows, judge)}


def _false_alarm(threshold: float, valid: pd.DataFrame) -> dict[str, Any]:
    """Return where the threshold of few false alarms is from; `n` are the reals that decided it."""
    by = f"at most {100 * FALSE_ALARM_RATE:g} % false alarms"
    return {"value": threshold, "chosen_on": "valid", "by": by, "n": int((valid["label"] == 0).sum())}


def rounded(value: Any) -> Any:
    """Return plain Python numbers with six decimals, so that the report's bytes do not hang on the last bit."""
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return round(value, 6) if isinstance(value, float) else value
