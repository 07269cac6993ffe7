"""The points behind the plots, as frames that become CSV files for `dvc plots` and the page."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from tasks.evaluation.calibration import reliability

HISTOGRAM_BINS = 20
NAMES = {0: "real", 1: "fake"}


def plot_frames(sets: Mapping[str, pd.DataFrame], main: str, threshold: float) -> dict[str, pd.DataFrame]:
    """Return the frames `roc`, `pr`, `calibration`, `confusion` and `histogram` by name.

    `sets` are rows with `dataset`, `label` and `p_fake`, by the name of the curve; those of one class have no curve.
    Calibration and confusion are those of the set `main`.
    """
    both = {name: rows for name, rows in sets.items() if rows["label"].nunique() == 2}
    return {
        "roc": _stacked({name: _roc(rows) for name, rows in both.items()}, ["fpr", "tpr", "threshold"]),
        "pr": _stacked({name: _precision_recall(rows) for name, rows in both.items()}, ["recall", "precision"]),
        "calibration": reliability(sets[main]["label"].to_numpy(), sets[main]["p_fake"].to_numpy()),
        "confusion": _confusion(sets[main], threshold),
        "histogram": _histogram(sets),
    }


def _roc(rows: pd.DataFrame) -> pd.DataFrame:
    fpr, tpr, thresholds = roc_curve(rows["label"], rows["p_fake"].astype(float))
    # The first point, where nothing is called fake, has an infinite threshold, which JSON cannot hold.
    return pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": np.minimum(thresholds, 1.0)})


def _precision_recall(rows: pd.DataFrame) -> pd.DataFrame:
    precision, recall, _ = precision_recall_curve(rows["label"], rows["p_fake"].astype(float), drop_intermediate=True)
    return pd.DataFrame({"recall": recall, "precision": precision})


def _confusion(rows: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return actual and predicted name of every row: what DVC's confusion template counts."""
    predicted = (rows["p_fake"] >= threshold).astype(int)
    return pd.DataFrame({"actual": rows["label"].map(NAMES), "predicted": predicted.map(NAMES)}).reset_index(drop=True)


def _histogram(sets: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    parts = {}
    for name, rows in sets.items():
        counts = {label: np.histogram(rows.loc[rows["label"] == label, "p_fake"], edges)[0] for label in NAMES}
        parts[name] = pd.DataFrame({"p_fake": (edges[:-1] + edges[1:]) / 2, "real": counts[0], "fake": counts[1]})
    return _stacked(parts, ["p_fake", "real", "fake"])


def _stacked(parts: Mapping[str, pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    frames = [part.assign(rows=name)[["rows", *columns]] for name, part in parts.items()]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["rows", *columns])
