"""Does the page's evidence belong together? Counts that must agree between the stages, and hashes that must match."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.reporting.archives import Archive
from tasks.reporting.evaluation_schemas import EvaluateReport
from tasks.reporting.inputs import Inputs
from tasks.reporting.report_schemas import Counted, SplitReport
from tasks.scoring.card import ModelCard

# Reports round to six decimals.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Check:
    """One thing that must hold, with the figures that show it, and whether it does."""

    claim: str
    found: str
    holds: bool


def checks(inputs: Inputs, scored: Sequence[Archive]) -> list[Check]:
    """Return every check that the reports at hand and the archives' parts allow."""
    split, card, score = inputs.split, inputs.card, inputs.score
    found = [*_counts(inputs), *_part_checks(scored)]
    if split is not None:
        found += _split_checks(inputs, split)
    if card is not None and split is not None:
        same = card.data.get("train") == split.sha256.get("train") and card.data.get("valid") == split.sha256.get(
            "valid"
        )
        text = "SHA-256 of the manifests train and valid: " + ("equal" if same else "the model's differ")
        found.append(Check("The model was trained on this split", text, same))
    if card is not None and inputs.train is not None:
        found.append(_same_model("The training report is about this model", inputs.train.model_id, card))
    if card is not None and score is not None:
        found.append(_same_model("The archives were scored with this model", score.model_id, card))
    if inputs.evaluate is not None:
        found += _evaluation_checks(inputs.evaluate, split, card)
    return found


def _counts(inputs: Inputs) -> Iterator[Check]:
    counted: dict[str, Counted] = {f"data set {name}": report for name, report in inputs.crops.items()}
    counted |= {f"archive {name}": report for name, report in inputs.score.archives.items()} if inputs.score else {}
    for name, report in counted.items():
        total = sum(report.status.values())
        yield Check(f"Inputs of {name} = sum of its statuses", f"{report.inputs:,} and {total:,}", report.adds_up)


def _part_checks(scored: Sequence[Archive]) -> Iterator[Check]:
    for archive in scored:
        if archive.missing is None:
            faces, written = archive.counts.faces, archive.faces_in_parts
            claim = f"Faces counted in archive {archive.name} = faces in its scores"
            yield Check(claim, f"{faces:,} and {written:,}", faces == written)


def _split_checks(inputs: Inputs, split: SplitReport) -> Iterator[Check]:
    faces = split.faces
    parts = f"{faces.total:,} and {' + '.join(f'{place:,}' for place in faces.places())}"
    claim = "Faces into the split = train + valid + test + dropped + unlabelled + contradictory"
    yield Check(claim, parts, faces.adds_up)
    if len(inputs.crops) == len(inputs.params.datasets):
        cropped = sum(report.faces for report in inputs.crops.values())
        yield Check("Faces cropped = faces into the split", f"{cropped:,} and {faces.total:,}", cropped == faces.total)
    leak = split.leak_check
    looked = f"{leak.leaks:,} found among {leak.rows:,} faces, {leak.groups:,} groups; {leak.near_duplicates} compared"
    yield Check("No group, file or near-duplicate pair on two sides", looked, leak.leaks == 0)


def _evaluation_checks(
    evaluation: EvaluateReport, split: SplitReport | None, card: ModelCard | None
) -> Iterator[Check]:
    threshold = evaluation.threshold
    from_valid = threshold.chosen_on == "valid"
    yield Check("The threshold was chosen on valid, not on test", f"chosen on {threshold.chosen_on}", from_valid)
    if card is not None:
        same = math.isclose(threshold.value, card.threshold, abs_tol=ROUNDING)
        yield Check("Evaluated at the model's threshold", f"{threshold.value:.6f} and {card.threshold:.6f}", same)
    if split is not None:
        tested = evaluation.overall.n
        text = f"{tested:,} and {split.faces.test:,}"
        yield Check("Faces evaluated = faces in test", text, tested == split.faces.test)


def _same_model(claim: str, model_id: str, card: ModelCard) -> Check:
    return Check(claim, f"model {model_id} and model {card.model_id}", model_id == card.model_id)
