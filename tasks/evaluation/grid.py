"""The perturbation grid: what is left of a model's figures when pictures are saved again, shared, reduced, turned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.evaluation.confidence import auc_drop
from tasks.evaluation.measuring import Judge, brief
from tasks.evaluation.perturbations import PERTURBATIONS, Perturbation
from tasks.evaluation.sets import crossed
from tasks.imaging.encode import encoded_again
from tasks.scoring.crops import stored_crops

Pixels = NDArray[np.uint8]
Score = Callable[[list[Pixels]], NDArray[np.floating]]

TRAINED_ON, HELD_OUT = "trained_on", "held_out"
CHUNK = 256  # crops in memory at once
CELL = ("n", "roc_auc", "hit_rate", "false_alarms", "accuracy", "balanced_accuracy")


def sample(rows: pd.DataFrame, each: int) -> pd.DataFrame:
    """Return at most `each` faces of every data set, chosen by their ids alone: more data moves no other choice."""
    order = rows["face_id"].map(lambda face: hashlib.sha256(face.encode()).hexdigest())
    chosen = rows.assign(order=order).sort_values("order", kind="stable").groupby("dataset").head(each)
    return rows.loc[chosen.index.sort_values()]


def perturbed_scores(
    rows: pd.DataFrame, faces: Path, score: Score, reencode: int | None, workers: int, progress: Callable[[int], Any]
) -> dict[str, NDArray[np.float32]]:
    """Return p_fake (n,) of `rows` after each of PERTURBATIONS, by name, in the rows' order.

    `score` gives the p_fake of crops (n, side, side, 3), `reencode` is the quality that crops are encoded with, and
    `progress` is told how many faces more are scored.
    """
    found = {each.name: np.empty(len(rows), np.float32) for each in PERTURBATIONS}
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for positions, crops in stored_crops(rows, faces, CHUNK):
            for each in PERTURBATIONS:
                changed = list(pool.map(lambda crop, each=each: _changed(crop, each, reencode), crops))
                found[each.name][positions] = score(changed)
                progress(len(crops))
    return found


def grid(rows: pd.DataFrame, scores: dict[str, NDArray[np.float32]], judge: Judge, each: int) -> dict[str, Any]:
    """Return for faces trained on and for held out ones what each perturbation leaves, and what it costs.

    `rows` are predictions, `scores` their p_fake after each perturbation. A cell's `drop` is the clean AUC less its
    own, on the same faces, with the interval of that difference. Held-out faces of one class are ranked against the
    faces of the other class that were trained on.
    """
    home = rows["trained_on"].to_numpy(bool)
    places = {TRAINED_ON: np.flatnonzero(home), HELD_OUT: np.flatnonzero(~home)}
    sets = {name: _set(rows, scores, at, places[TRAINED_ON], judge) for name, at in places.items() if len(at)}
    return {"each": each, "sets": {name: found for name, found in sets.items() if found is not None}}


def worst(found: dict[str, Any]) -> dict[str, Any] | None:
    """Return the headline's line of the perturbation that costs most, where it is known."""
    cells = found["sets"].get(TRAINED_ON, {}).get("cells") or found["sets"].get(HELD_OUT, {}).get("cells") or []
    known = [cell for cell in cells if cell["drop"]["roc_auc"] is not None]
    if not known:
        return None
    cell = max(known, key=lambda each: each["drop"]["roc_auc"])
    return {**{key: value for key, value in cell.items() if key not in ("kind", "level")}, "against": None}


def grid_frame(found: dict[str, Any]) -> pd.DataFrame:
    """Return the grid as a table: a row for each set and perturbation."""
    rows = [
        {
            "faces": name,
            "perturbation": cell["name"],
            **{figure: cell[figure] for figure in CELL},
            "drop": cell["drop"]["roc_auc"],
            "drop_low": (cell["drop"]["interval"] or [None, None])[0],
            "drop_high": (cell["drop"]["interval"] or [None, None])[1],
        }
        for name, each in found["sets"].items()
        for cell in each["cells"]
    ]
    columns = ["faces", "perturbation", *CELL, "drop", "drop_low", "drop_high"]
    return pd.DataFrame(rows, columns=columns)


def _set(
    rows: pd.DataFrame, scores: dict[str, NDArray[np.float32]], at: NDArray[np.intp], home: NDArray[np.intp],
    judge: Judge,
) -> dict[str, Any] | None:  # fmt: skip
    part = rows.iloc[at].assign(place=at)
    together = crossed(part, rows.iloc[home].assign(place=home))
    ranked = part if together is None else together
    if ranked["label"].nunique() < 2:
        return None
    places = ranked["place"].to_numpy()
    cells = [_cell(each, ranked, scores[each.name][places], judge) for each in PERTURBATIONS]
    return {"clean": {figure: brief(ranked, judge)[figure] for figure in CELL}, "cells": cells}


def _cell(each: Perturbation, rows: pd.DataFrame, p_fake: NDArray[np.float32], judge: Judge) -> dict[str, Any]:
    figures = brief(rows.assign(p_fake=p_fake.astype(np.float64)), judge)
    labels, groups = rows["label"].to_numpy(), rows["group"].to_numpy(object)
    clean = rows["p_fake"].to_numpy(np.float64)
    drop, interval = auc_drop(labels, clean, p_fake, groups, judge.params.bootstrap, judge.params.seed)
    return {"kind": each.kind, "level": each.level, "name": each.name, **figures,
            "drop": {"roc_auc": drop, "interval": interval}}  # fmt: skip


def _changed(crop: Pixels, each: Perturbation, quality: int | None) -> Pixels:
    made = each.apply(crop)
    return made if quality is None else encoded_again(made, quality)
