"""Figures by bands of what a face and its file are like: where a model is weak, and whether a fact divides labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from tasks.evaluation.measuring import Judge, brief

# Lower bounds of the bands after the first. A face of 64 pixels is a quarter of a crop, 256 all of it; qualities and
# angles in the steps that docs/explanation/quality.md speaks of; 75 and 90 are what web pages and cameras write.
EDGES: Mapping[str, Sequence[float]] = {
    "face_size": (64, 128, 256, 512),
    "quality": (0.25, 0.5, 0.75),
    "yaw": (15, 30, 45),
    "jpeg_quality": (50, 75, 90),
}
FACTS = (*EDGES, "format")
NONE = "none"


def bands(sets: Mapping[str, pd.DataFrame], judge: Judge) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return for each set of predictions and each of FACTS the figures (`brief`) of the bands that have a face.

    A face without the fact, as a PNG file without a JPEG quality, is in the band `none`. Yaw counts to either side.
    """
    return {name: {fact: list(_of_fact(rows, fact, judge)) for fact in FACTS} for name, rows in sets.items()}


def bands_frame(found: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> pd.DataFrame:
    """Return `bands` as a table for a plot: a row for each set, fact and band."""
    columns = ("band", "n", "n_fake", "n_real", "roc_auc", "balanced_accuracy", "hit_rate", "false_alarms")
    rows = [
        {"rows": name, "fact": fact, **{column: band[column] for column in columns}}
        for name, facts in found.items()
        for fact, each in facts.items()
        for band in each
    ]
    return pd.DataFrame(rows, columns=["rows", "fact", *columns])


def _of_fact(rows: pd.DataFrame, fact: str, judge: Judge) -> Iterator[dict[str, Any]]:
    names = _band_names(rows[fact], fact)
    order = [*_labels(fact), *sorted(set(names) - {*_labels(fact), NONE}), NONE]
    for name in order:
        part = rows[names == name]
        if len(part):
            yield {"band": name, **brief(part, judge)}


def _band_names(values: pd.Series[Any], fact: str) -> np.ndarray[Any, Any]:
    """Return the band of each value, (n,) str."""
    if fact not in EDGES:
        return values.astype(object).where(values.notna(), NONE).to_numpy()
    numbers = np.abs(values.to_numpy(np.float64, na_value=np.nan))
    names = np.array(_labels(fact), object)[np.searchsorted(EDGES[fact], numbers, side="right")]
    return np.where(np.isnan(numbers), NONE, names)


def _labels(fact: str) -> list[str]:
    if fact not in EDGES:
        return []
    edges = [f"{edge:g}" for edge in EDGES[fact]]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *between, f"from {edges[-1]}"]
