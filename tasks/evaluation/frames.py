"""Rows for the evaluation: the faces of a manifest with their trivial features and, from a classifier, their scores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.evaluation.baseline import FEATURES
from tasks.evaluation.predictions import FACTS
from tasks.params import FauxfaceError
from tasks.params.files import sha256_file
from tasks.scoring.card import ModelCard
from tasks.scoring.classifier import Classifier
from tasks.scoring.crops import by_shard, read_crops, read_manifest, read_shard
from tasks.scoring.verdict import Judge


def require_its_split(card: ModelCard, manifests: Path) -> None:
    """Raise FauxfaceError where a model was trained or calibrated on another split: it may know the test faces."""
    for side in ("train", "valid"):
        manifest = manifests / f"{side}.parquet"
        # A missing one is told where it is read.
        if manifest.is_file() and sha256_file(manifest) != card.data.get(side):
            raise FauxfaceError(
                f"{manifest}: is not the split that model {card.model_id} was made with, so it may know the faces of "
                "the test split. Train again: `fauxface train` or `dvc repro`."
            )


def training_rows(card: ModelCard, manifests: Path, faces: Path) -> pd.DataFrame:
    """Return the `feature_rows` that a model was trained on."""
    rows = feature_rows(manifests / "train.parquet", faces)
    return rows[rows["dataset"].map(card.trained_on)]


def feature_rows(manifest: Path, faces: Path) -> pd.DataFrame:
    """Return a manifest's rows with the columns FEATURES and FACTS beside its own.

    Raises FauxfaceError for missing shards.
    """
    rows = read_manifest(manifest)
    parts, columns = [], [*FEATURES, *FACTS]
    for (dataset, shard), positions in by_shard(rows):
        part = rows.iloc[positions]
        table = read_shard(faces, dataset, shard, part["row"].tolist(), part["face_id"].tolist(), columns)
        parts.append(table.select(columns).to_pandas().set_index(positions))
    return rows.join(pd.concat(parts)) if parts else rows.reindex(columns=[*rows.columns, *columns])


def scored_rows(manifest: Path, faces: Path, classifier: Classifier, workers: int) -> pd.DataFrame:
    """Return `feature_rows` with `logit`, calibrated `p_fake`, `verdict` and `verdict_reason`, as scoring has them.

    One shard's crops are in memory at a time.
    """
    rows = feature_rows(manifest, faces)
    logits, distances = np.empty(len(rows), np.float32), np.full(len(rows), np.nan, np.float32)
    size = classifier.card.input_size
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for (dataset, shard), positions in by_shard(rows):
            part = rows.iloc[positions]
            face_ids = part["face_id"].tolist()
            seen = classifier.seen(read_crops(faces, dataset, shard, part["row"].tolist(), face_ids, size, pool))
            logits[positions] = seen.logits
            away = classifier.distances(seen)
            if away is not None:
                distances[positions] = away
    rows = rows.assign(logit=logits, p_fake=classifier.calibrated(logits), distance=distances)
    return _answered(rows, Judge.of(classifier.card, "balanced"))


def _answered(rows: pd.DataFrame, judge: Judge) -> pd.DataFrame:
    columns = (rows[name].astype(np.float64) for name in ("p_fake", "distance", "quality"))
    answers = [judge.answer(*values) for values in zip(*columns, strict=True)]
    reasons = np.array([each.reason for each in answers], object)
    return rows.assign(verdict=[each.verdict for each in answers], verdict_reason=reasons)
