"""How a recipe does on sources that it was not trained on: train without them, then ask about them.

Fakes of a left-out source stand against photographs of sources that were left out as well: against known photographs
a network would also be told by whose photographs they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tasks.evaluation.baseline import TrivialBaseline
from tasks.evaluation.confidence import intervals
from tasks.evaluation.frames import feature_rows, scored_rows
from tasks.evaluation.threshold import false_alarm_threshold
from tasks.params import FauxfaceError, Params
from tasks.params.files import sha256_file, write_json
from tasks.scoring.classifier import Classifier
from tasks.training.recipe.recipes import load_recipe
from tasks.training.sources.folds import NEW, SIDES, Fold, write_fold
from tasks.training.train import train

FALSE_ALARMS = 0.05  # of known photographs, at the threshold that all shares are taken at
RESULT = "fold.json"
RESAMPLES = 1000
BY = ("model", "trivial")  # what judges: the network, and the trivial features beside it

Scored = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Place:
    """Where faces and manifests of a workspace lie, and the folder for trainings and what they found."""

    faces: Path
    manifests: Path
    state: Path


def measure_fold(fold: Fold, place: Place, params: Params, *, workers: int, progress: bool) -> dict[str, Any]:
    """Train without what `fold` leaves out and return its figures, from `place.state` where they are known.

    They are known while the recipe, the seed, the faces and the fold are the same; a killed training goes on. Raises
    FauxfaceError as train does.
    """
    folder = place.state / _key(fold, place, params)
    result = folder / RESULT
    if result.is_file():
        known: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return known
    write_fold(place.manifests, fold, folder / "manifests")
    trained = train(
        folder / "manifests",
        place.faces,
        folder / "model",
        params.crop,
        params.train,
        folder / "state",
        folder / "history.csv",
        workers=workers,
        progress=progress,
    )
    judged = judged_model(folder, place.faces, workers)
    found = {"fold": fold.name, "left_out": list(fold.left_out), "seconds": trained.report["seconds"], **judged}
    write_json(result, found)
    shutil.rmtree(folder / "model")  # of many folds they would fill a disk
    return found


def judged_model(folder: Path, faces: Path, workers: int) -> dict[str, Any]:
    """Return the figures of the model in `folder`, beside the manifests of its fold, on known sources and new ones."""
    return _figures(_scored(folder, faces, workers))


def summary(folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over the folds' sources, for the model and for trivial features, with intervals over sources."""
    rows = [row for fold in folds for row in fold["new"]]
    found: dict[str, Any] = {}
    for who in BY:
        fakes = [row[who]["auc"] for row in rows if row[who]["auc"] is not None]
        photographs = [row[who]["false_alarms"] for row in rows if row[who]["false_alarms"] is not None]
        known = [fold["known"][who] for fold in folds]
        found[who] = {
            "known_auc": _mean([one["auc"] for one in known]),
            "new_auc": _mean(fakes),
            "known_false_alarms": _mean([one["false_alarms"] for one in known]),
            "new_false_alarms": _mean(photographs),
        }
    return found


def _key(fold: Fold, place: Place, params: Params) -> str:
    """Return a digest of all that decides the figures of a fold."""
    recipe = load_recipe(params.train.recipe).overridden(params.train)
    hashes = [sha256_file(place.manifests / f"{side}.parquet") for side in SIDES]
    content = [recipe.model_dump(mode="json"), params.train.seed, params.crop.recipe(), hashes, fold.left_out]
    weights = Path(recipe.weights)
    content.append(sha256_file(weights) if weights.is_file() else recipe.weights)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _scored(folder: Path, faces: Path, workers: int) -> Scored:
    """Return valid, test and what is new, scored by the model (`model`) and by trivial features (`trivial`)."""
    classifier = Classifier.load(folder / "model", workers)
    manifests = folder / "manifests"
    baseline = TrivialBaseline().fit(feature_rows(manifests / "train.parquet", faces))
    found = {}
    for side in ("valid", "test", NEW):
        rows = scored_rows(manifests / f"{side}.parquet", faces, classifier, workers)
        if rows.empty:
            raise FauxfaceError(f"{manifests / side}.parquet: holds no faces. Add data, then run `fauxface split`.")
        found[side] = rows.assign(model=rows["p_fake"].astype(np.float64), trivial=baseline.p_fake(rows))
    return found


def _figures(rows: Scored) -> dict[str, Any]:
    """Return the figures of known sources and of each new one, for the model and for trivial features."""
    valid, known, new = rows["valid"], rows["test"], rows[NEW]
    at = {who: false_alarm_threshold(valid["label"].to_numpy(), valid[who].to_numpy(), FALSE_ALARMS) for who in BY}
    photographs = new[new["label"] == 0]
    sources = [_source(str(name), part, photographs, at) for name, part in new.groupby("dataset", sort=True)]
    return {"known": _both(known, at), "new": sources, "all_new": _both(new, at)}


def _source(name: str, part: pd.DataFrame, photographs: pd.DataFrame, at: dict[str, float]) -> dict[str, Any]:
    """Return the figures of one new source, with the AUC of its fakes against all new photographs."""
    fakes = part[part["label"] == 1]
    figures, against = _both(part, at), _both(pd.concat([fakes, photographs]), at)
    for who in BY:
        for figure in ("auc", "auc_interval"):
            figures[who][figure] = against[who][figure] if len(fakes) else None
    return {"dataset": name, "fakes": len(fakes), "photographs": len(part) - len(fakes), **figures}


def _both(rows: pd.DataFrame, at: dict[str, float]) -> dict[str, Any]:
    return {who: _judged(rows, who, at[who]) for who in BY}


def _judged(rows: pd.DataFrame, who: str, threshold: float) -> dict[str, Any]:
    """Return AUC, false alarms and misses with 95 % intervals; None for what a missing class leaves unsaid."""
    labels, scores = rows["label"].to_numpy(), rows[who].to_numpy(np.float64)
    bounds = intervals(labels, scores, rows["group"].to_numpy(), threshold, RESAMPLES, 1)
    return {
        "auc": _auc(labels, scores),
        "auc_interval": bounds["roc_auc"],
        "false_alarms": _share(scores[labels == 0] >= threshold),
        "false_alarms_interval": _from_one(bounds["accuracy_real"]),
        "misses": _share(scores[labels == 1] < threshold),
        "misses_interval": _from_one(bounds["accuracy_fake"]),
    }


def _auc(labels: NDArray[np.integer], scores: NDArray[np.float64]) -> float | None:
    return float(roc_auc_score(labels, scores)) if 0 < labels.sum() < len(labels) else None


def _share(hits: NDArray[np.bool_]) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _from_one(bounds: list[float] | None) -> list[float] | None:
    return None if bounds is None else [1 - bounds[1], 1 - bounds[0]]


def _mean(values: Sequence[float]) -> dict[str, Any]:
    """Return the mean and its 95 % interval, by drawing the values (sources, folds) again with replacement."""
    if not values:
        return {"mean": None, "interval": None, "n": 0}
    array = np.array(values)
    draws = np.random.default_rng(1).choice(array, (RESAMPLES, len(array))).mean(axis=1)
    interval = [float(bound) for bound in np.percentile(draws, (2.5, 97.5))] if len(array) > 1 else None
    return {"mean": float(array.mean()), "interval": interval, "n": len(array)}
