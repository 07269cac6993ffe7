"""Test faces worth a look: missed fakes, false alarms, those near the threshold, those that are surest and right."""

from __future__ import annotations

import numpy as np
import pandas as pd

MISSED, ALARM, BORDERLINE, CONFIDENT, RANDOM = "missed", "alarm", "borderline", "confident", "random"


def notable(rows: pd.DataFrame, threshold: float, most: int) -> dict[str, list[int]]:
    """Return at most `most` index labels of each kind from predictions `rows`, those that show it most first.

    The worst of each data set come in turn, so that a large one does not hide the small ones.
    """
    p_fake = rows["p_fake"].to_numpy(np.float64)
    ordered = rows.assign(margin=np.abs(p_fake - threshold), p_real=-p_fake)
    right = ordered["is_fake"] == (ordered["label"] == 1)
    order = np.random.default_rng(0).permutation(len(rows))
    found = {
        MISSED: ordered[missed(ordered)].sort_values("p_fake", kind="stable"),
        ALARM: ordered[alarms(ordered)].sort_values("p_real", kind="stable"),
        BORDERLINE: ordered.sort_values("margin", kind="stable"),
        CONFIDENT: ordered[right].sort_values("margin", ascending=False, kind="stable"),
        RANDOM: ordered.iloc[order],
    }
    return {kind: _in_turn(each).index[:most].tolist() for kind, each in found.items()}


def missed(rows: pd.DataFrame) -> pd.Series[bool]:
    """Return which fakes were called real."""
    return (rows["label"] == 1) & ~rows["is_fake"]


def alarms(rows: pd.DataFrame) -> pd.Series[bool]:
    """Return which photographs were called fake."""
    return (rows["label"] == 0) & rows["is_fake"]


def _in_turn(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(turn=rows.groupby("dataset").cumcount()).sort_values("turn", kind="stable")
