"""What to worry about: three sentences, the gravest first, made from the figures of all stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.reporting.archives import Archive
from tasks.reporting.evaluation_schemas import EvaluateReport
from tasks.reporting.inputs import Inputs
from tasks.reporting.report_schemas import LABELS
from tasks.reporting.verdicts import Place, all_lines

SHOWN = 3
Weighed = tuple[float, str]
# Fewer faces say nothing of a band, or of an archive.
_ENOUGH = 30


def worries(inputs: Inputs, places: Sequence[Place], scored: Sequence[Archive]) -> list[str]:
    """Return the SHOWN gravest worries, or what gives least reason for one where there are fewer."""
    if inputs.evaluate is None:
        return []
    found = [*_held_out(places), *_perturbation(places), *_baseline(places), *_calibration(inputs.evaluate)]
    found += [*_bands(inputs.evaluate), *_labels(inputs), *_archives(scored)]
    ordered = sorted(found, key=lambda each: (-each[0], each[1]))
    return [text for _, text in ordered[:SHOWN]]


def _held_out(places: Sequence[Place]) -> Iterator[Weighed]:
    lines, trained = all_lines(places, "held_out"), all_lines(places, "trained_on")
    if not lines:
        yield 0.9, "Nothing is held out, so nobody knows how it does on faces from elsewhere: add one with use: test."
        return
    worst = min(lines, key=lambda line: line.accuracy)
    if not trained:
        return
    home = trained[0].accuracy
    drop = home - worst.accuracy
    compared = f"{_percent(worst.accuracy)} of the faces of {worst.name} are called right, {_percent(home)} at home"
    if drop > 0.05:
        yield drop + 0.3, f"It does not travel: {compared}. Trust no verdict on images from elsewhere without a check."
    else:
        yield 0.02, f"It travels: {compared}."


def _perturbation(places: Sequence[Place]) -> Iterator[Weighed]:
    for line in all_lines(places, "worst_perturbation"):
        drop = (line.drop or {}).get("roc_auc")
        if isinstance(drop, float) and line.roc_auc is not None:
            fall = abs(drop)
            text = f"ROC-AUC falls to {line.roc_auc:.3f} after {line.name}, by {fall:.3f}"
            yield fall + 0.1, f"{text}: an image that was shared or saved again can pass for what it is not."


def _baseline(places: Sequence[Place]) -> Iterator[Weighed]:
    for line in all_lines(places, "trivial_baseline"):
        interval = line.intervals.get("roc_auc")
        if line.roc_auc is None or interval is None:
            continue
        if interval[0] > 0.5:
            yield (
                line.roc_auc - 0.35,
                (
                    f"Facts of the file alone reach a ROC-AUC of {line.roc_auc:.3f}: the model may have learnt how the "
                    "files were made, not how the faces were."
                ),
            )
        else:
            yield 0.01, f"Facts of the file alone tell nothing (ROC-AUC {line.roc_auc:.3f}): no shortcut was found."


def _calibration(evaluation: EvaluateReport) -> Iterator[Weighed]:
    sets = [(name, each) for name, each in evaluation.datasets.items() if each.n >= _ENOUGH]
    if not sets:
        return
    name, worst = max(sets, key=lambda each: each[1].ece)
    if worst.ece > 0.1:
        yield (
            worst.ece,
            (f"p_fake is no probability on {name}: it is off by {worst.ece:.2f} on average. Read it as a rank there."),
        )
    else:
        yield 0.005, f"p_fake can be read as a probability: it is off by {worst.ece:.2f} at most, on {name}."


def _bands(evaluation: EvaluateReport) -> Iterator[Weighed]:
    bands = evaluation.bands.get("in_domain") or evaluation.bands.get("overall") or {}
    found = [
        (band.roc_auc, fact.replace("_", " "), band)
        for fact, rows in bands.items()
        for band in rows
        if band.roc_auc is not None and band.n >= _ENOUGH
    ]
    if found and evaluation.main.roc_auc is not None:
        auc, fact, band = min(found, key=lambda each: each[0])
        if evaluation.main.roc_auc - auc > 0.05:
            yield (
                evaluation.main.roc_auc - auc,
                (f"It is weakest where {fact} is {band.band}: ROC-AUC {auc:.3f} on {band.n:,} faces."),
            )


def _labels(inputs: Inputs) -> Iterator[Weighed]:
    if inputs.split is None:
        return
    contradictory = inputs.split.faces.contradictory
    if contradictory:
        share = contradictory / max(inputs.split.faces.total, 1)
        yield (
            0.1 + share,
            f"{contradictory:,} faces stand under both labels, {' and '.join(LABELS)}: look at the source.",
        )
    for name, crop in inputs.crops.items():
        lost = crop.inputs - crop.status.get("ok", 0)
        if crop.inputs and lost / crop.inputs > 0.1:
            yield lost / crop.inputs, f"Of {name}, {lost:,} of {crop.inputs:,} inputs gave no face."


def _archives(scored: Sequence[Archive]) -> Iterator[Weighed]:
    for archive in scored:
        verdicts = archive.counts.image_verdicts
        unsure, total = verdicts.get("unsure", 0), sum(verdicts.values())
        if total >= _ENOUGH and unsure / total > 0.25:
            yield (
                0.5 * unsure / total,
                (f"The model is unsure of {unsure:,} of the {total:,} images with a face in {archive.name}."),
            )


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
