"""What a split leaves out, or finds strange, in its report and in words for the console and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from tasks.manifests.contradictions import contradictions_report
from tasks.manifests.labelled import LabelledFaces, unlabelled_text
from tasks.text_table import table

_SIDES = ("train", "valid", "test", "dropped", "unlabelled", "contradictory")
_Json = dict[str, Any]


def with_left_out(report: _Json, labelled: LabelledFaces, contradictory: pd.DataFrame) -> _Json:
    """Return the report of a split with the faces that never came into it, and `warnings` in words.

    `faces.in` counts all that were cropped: the sum of train, valid, test, dropped, unlabelled and contradictory.
    """
    unlabelled = {name: counts["unlabelled"] for name, counts in labelled.counts.items()}
    found = contradictions_report(contradictory)
    total = {
        **report["faces"],
        "in": sum(counts["faces"] for counts in labelled.counts.values()),
        "unlabelled": sum(unlabelled.values()),
        "contradictory": found["faces"],
    }
    datasets = {
        name: {**counts, "unlabelled": unlabelled[name], "contradictory": found["datasets"].get(name, 0)}
        for name, counts in report["datasets"].items()
    }
    warnings = [*_warnings(labelled.counts, found, report["near_duplicates"]), *_nothing_new(labelled.faces)]
    more = {"labels": labelled.counts, "contradictions": found, "warnings": warnings}
    return {**report, "faces": total, "datasets": datasets, **more}


def split_lines(report: Mapping[str, Any]) -> list[str]:
    """Return what the console says of a split: the faces of each data set by side, all of them, then each warning."""
    faces = report["faces"]
    shown = [side for side in _SIDES if faces[side] or side in _SIDES[:4]]
    rows = [row for name, counts in report["datasets"].items() for row in _strata(name, counts)]
    counted = table([["data set", "use", "label", *_SIDES[:4]], *rows], right=range(3, 7))
    return [*counted, "faces: " + ", ".join(f"{faces[side]} {side}" for side in shown), *report["warnings"]]


def _strata(name: str, counts: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the rows of a data set, one for each label that it has."""
    for label in ("real", "fake"):
        if counts.get(label):
            yield [name, counts["use"], label, *(f"{counts[label][side]:,}" for side in _SIDES[:4])]


def _warnings(labels: Mapping[str, _Json], contradictions: _Json, near: _Json) -> Iterator[str]:
    for name, counts in labels.items():
        if not counts["faces"]:
            yield f"data set {name}: no face was found in it, so it adds nothing"
        elif counts["unlabelled"]:
            yield f"{unlabelled_text(name, counts)} The {counts['unlabelled']:,} without one were left out."
    if contradictions["faces"]:
        yield (
            f"contradictions: {contradictions['faces']:,} faces are of pictures that stand under both labels, and were "
            f"left out: {', '.join(contradictions['examples'])}. Correct the labels or remove one of the copies."
        )
    if near["pairs_with_different_labels"]:
        yield (
            f"{near['pairs_with_different_labels']:,} pairs of near-duplicates are a real and a fake face. Swaps and "
            "edits of a photograph look so; if they are copies, one of the labels is wrong."
        )


def _nothing_new(faces: pa.Table) -> Iterator[str]:
    """Name each data set of whose files all are in larger ones too (of equal ones, in the first)."""
    files = {str(name): set(part) for name, part in faces.to_pandas().groupby("dataset", sort=False)["image_id"]}
    seen: set[str] = set()
    for name in sorted(files, key=lambda name: len(files[name]), reverse=True):
        if files[name] <= seen:
            yield f"data set {name}: all its {len(files[name]):,} images are in other data sets too, so it adds nothing"
        seen |= files[name]
