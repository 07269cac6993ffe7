"""A detector of anybody's on the faces that the model was measured on: the same splits, perturbations and tables."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.evaluation.detectors import Answer, Detector
from tasks.evaluation.grid import CHUNK, grid, perturbed_scores, sample, worst
from tasks.evaluation.headline import headline
from tasks.evaluation.measuring import Judge
from tasks.evaluation.threshold import best_threshold, false_alarm_threshold
from tasks.params import EvaluateParams, FauxfaceError
from tasks.scoring.crops import stored_crops

SHOWN = 5  # reasons


@dataclass(frozen=True)
class Compared:
    """The report for reports/detectors/<name>.json, and a row for each test face with `p_fake` or its `error`."""

    report: dict[str, Any]
    rows: pd.DataFrame


def compare_detector(
    detector: Detector, valid: pd.DataFrame, test: pd.DataFrame, faces: Path, reencode: int | None,
    baseline_threshold: float, params: EvaluateParams, progress: Callable[[int], Any],
) -> Compared:  # fmt: skip
    """Measure a detector on `test`, predictions of the model, with a threshold from the manifest rows `valid`.

    Faces without an answer are counted by reason and left out of the figures. Raises FauxfaceError where it answers
    nothing, or faces of one label alone.
    """
    known, of_valid = _answered(valid, detector, faces, progress)
    asked, of_test = _answered(test, detector, faces, progress)
    for name, rows, answers in (("valid", known, of_valid), ("test", asked, of_test)):
        if rows["label"].nunique() < 2:
            reasons = Counter(each for each in answers if isinstance(each, str)).most_common(1)
            raise FauxfaceError(
                f"detector {detector.name}: has answers for faces of one label of {name} at most; "
                f"{reasons[0][0] if reasons else 'no reason was given'}."
            )
    labels, scores = known["label"].to_numpy(), known["p_fake"].to_numpy(np.float64)
    threshold, few = best_threshold(labels, scores), false_alarm_threshold(labels, scores)
    judge = Judge(threshold, few, baseline_threshold, params)
    rows = asked.assign(is_fake=asked["p_fake"] >= threshold, is_fake_few_alarms=asked["p_fake"] >= few)
    found = _grid(rows, detector, faces, reencode, judge, progress) if params.perturbed else None
    failed = {name: sum(isinstance(each, str) for each in answers) for name, answers in
              (("valid", of_valid), ("test", of_test))}  # fmt: skip
    reasons = Counter(each for each in (*of_valid, *of_test) if isinstance(each, str)).most_common(SHOWN)
    report = {
        "detector": detector.name, "threshold": threshold, "failed": failed, "errors": dict(reasons),
        "headline": headline(rows, judge, worst(found) if found else None), **({"grid": found} if found else {}),
    }  # fmt: skip
    errors = [each if isinstance(each, str) else None for each in of_test]
    columns = test[["face_id", "dataset", "member", "label", "trained_on"]]
    return Compared(report, columns.assign(p_fake=_numbers(of_test), error=np.array(errors, object)))


def _answered(
    rows: pd.DataFrame, detector: Detector, faces: Path, progress: Callable[[int], Any]
) -> tuple[pd.DataFrame, list[Answer]]:
    """Return the rows that got an answer, with it as p_fake, and all answers in the rows' order."""
    answers: list[Answer] = [""] * len(rows)
    for positions, crops in stored_crops(rows, faces, CHUNK):
        for position, answer in zip(positions.tolist(), detector.score(crops), strict=True):
            answers[position] = answer
        progress(len(crops))
    p_fake = _numbers(answers)
    return rows.assign(p_fake=p_fake)[~np.isnan(p_fake)].reset_index(drop=True), answers


def _grid(
    rows: pd.DataFrame, detector: Detector, faces: Path, reencode: int | None, judge: Judge,
    progress: Callable[[int], Any],
) -> dict[str, Any]:  # fmt: skip
    """Return the grid of the faces that the detector answers after every perturbation."""
    chosen = sample(rows, judge.params.perturbed).reset_index(drop=True)
    workers = len(os.sched_getaffinity(0))
    found = perturbed_scores(chosen, faces, lambda crops: _numbers(detector.score(crops)), reencode, workers, progress)
    whole = np.asarray(~np.isnan(np.stack(list(found.values()))).any(axis=0))
    scores = {name: values[whole] for name, values in found.items()}
    return grid(chosen[whole].reset_index(drop=True), scores, judge, judge.params.perturbed)


def _numbers(answers: Sequence[Answer]) -> NDArray[np.float64]:
    return np.array([np.nan if isinstance(each, str) else each for each in answers], np.float64)
