"""Stage `evaluate`: the model on the test split and on the test-only data sets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import flow

from flows.artifacts import leave_headline
from flows.runners import as_task, progress_bar, threads_of
from flows.workspace import FACES, MANIFESTS, MODEL, REPORTS
from tasks.evaluation.evaluate import Evaluation, rounded
from tasks.evaluation.evaluate import evaluate as measure
from tasks.evaluation.frames import require_its_split, scored_rows, training_rows
from tasks.evaluation.grid import perturbed_scores
from tasks.evaluation.perturbations import PERTURBATIONS
from tasks.evaluation.predictions import predictions_table
from tasks.evaluation.shortcuts import audit
from tasks.manifests.parts import write_table
from tasks.params import load_params
from tasks.params.files import atomic_write
from tasks.scoring.classifier import Classifier
from tasks.timings import write_report


@flow(name="evaluate")
def evaluate(params_file: Path) -> dict[str, Any]:
    """Write reports/evaluate.json, and in reports/evaluate a row for every test face and the points of the plots."""
    params = load_params(params_file)
    workers, started = threads_of(params.runner), time.monotonic()
    classifier = Classifier.load(MODEL, workers)
    card = classifier.card
    require_its_split(card, MANIFESTS)
    scored = as_task(scored_rows, "score-faces")
    valid, test = (scored(MANIFESTS / f"{side}.parquet", FACES, classifier, workers) for side in ("valid", "test"))
    features = training_rows(card, MANIFESTS, FACES)
    figures = as_task(measure, "measure")

    def perturb(rows: pd.DataFrame) -> dict[str, NDArray[np.float32]]:
        with progress_bar("evaluate, perturbed", len(rows) * len(PERTURBATIONS)) as bar:
            return perturbed_scores(rows, FACES, classifier.p_fake, card.crop.reencode, workers, bar.update)

    thresholds = (card.threshold, card.threshold_false_alarm)
    evaluation = figures(features, valid, test, *thresholds, params.evaluate, perturb)
    leaks = as_task(audit, "audit-shortcuts")(features, test, params.evaluate, card.crop.reencode)
    report = {**evaluation.report, "shortcuts": rounded(leaks)}
    _write(evaluation, report, time.monotonic() - started)
    leave_headline(report)
    return report


def _write(evaluation: Evaluation, report: dict[str, Any], seconds: float) -> None:
    for name, frame in evaluation.plots.items():
        with atomic_write(REPORTS / "evaluate" / f"{name}.csv") as temp:
            frame.to_csv(temp, index=False)
    write_table(REPORTS / "evaluate" / "predictions.parquet", predictions_table(evaluation.predictions))
    write_report(REPORTS, "evaluate", {**report, "seconds": round(seconds, 2)})
