"""What the page says first: what was trained on what, how good it is, and what that is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.params import DatasetParams
from tasks.reporting.evaluation_schemas import EvaluateReport, Measured, MeasuredDataset
from tasks.reporting.inputs import Inputs

MAIN_NAMES = {"in_domain": "all data sets trained on", "overall": "all test faces"}
# Where the built-in sample lies in a workspace (`fauxface sample`).
SAMPLE = "raw/sample"


@dataclass(frozen=True)
class Headline:
    """The figures that the page is about, and in words how they compare with the baseline.

    `datasets` and `name` say whose test faces they are of, `key` what the plots' files call them; `parts` are the
    figures of each, where there are several.
    """

    evaluation: EvaluateReport
    figures: Measured
    in_domain: bool
    datasets: tuple[str, ...]
    key: str
    name: str
    parts: list[tuple[str, MeasuredDataset]]
    baseline_note: str


def headline(inputs: Inputs) -> Headline | None:
    """Return the headline, or None before the evaluation."""
    evaluation = inputs.evaluate
    if evaluation is None:
        return None
    figures, in_domain = evaluation.main, evaluation.in_domain is not None
    datasets = tuple(name for name, each in evaluation.datasets.items() if each.in_training or not in_domain)
    parts = [(name, each) for name, each in evaluation.datasets.items() if name in datasets]
    key = "in_domain" if in_domain else "overall"
    name = MAIN_NAMES[key] if len(parts) != 1 else parts[0][0]
    note = baseline_note(figures)
    return Headline(evaluation, figures, in_domain, datasets, key, name, parts if len(parts) > 1 else [], note)


def samples(datasets: Mapping[str, DatasetParams]) -> list[str]:
    """Return the names of the data sets that are drawn, not photographed."""
    return [name for name, dataset in datasets.items() if SAMPLE in dataset.source.replace("\\", "/")]


def baseline_note(measured: Measured) -> str:
    """Say how the model's AUC stands beside that of the outward facts, judged by their intervals."""
    ours, theirs = measured.intervals.get("roc_auc"), measured.baseline.intervals.get("roc_auc")
    if ours is None or theirs is None:
        return "The model and the baseline cannot be compared by AUC here."
    if ours[0] <= theirs[1]:
        return (
            "The model is not clearly better than the baseline: their intervals meet. It may have learnt no more than "
            "what file size, format, JPEG quality and sharpness give away."
        )
    if theirs[0] > 0.5:
        return (
            "The model is better than the baseline, but the baseline is better than chance: file size, format, JPEG "
            "quality or sharpness give part of the labels away, and the model may use that."
        )
    return "The model is better than the baseline, and the baseline is no better than chance on these faces."
