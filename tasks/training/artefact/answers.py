"""When a trained model answers `unsure`: bounds and distances, fitted on faces as it sees them when it scores."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from tasks.evaluation.calibration import fit_temperature
from tasks.evaluation.threshold import ANSWER_RATE, answer_bounds
from tasks.params.files import appearing_folder, sha256_file, write_json
from tasks.scoring.card import CARD, FAMILIAR, Answers, ModelCard, SourceOfFaces
from tasks.scoring.classifier import Classifier, Seen, probability
from tasks.scoring.crops import by_shard, read_crops, read_manifest, read_shard
from tasks.scoring.familiar import Familiarity
from tasks.sources.sample import is_drawn

FITTED = 6000  # faces to which the distance is fitted at most, evenly from each class of each data set
RARE = 0.01  # share of the validation faces that are called unfamiliar, and of those of low quality


@dataclass(frozen=True)
class LeftOut:
    """A training like another that was not shown some sources, and the manifest of the faces of these."""

    model: Path
    manifest: Path


def with_three_answers(
    model: Path,
    manifests: Path,
    faces: Path,
    workers: int,
    families: Mapping[str, str] | None = None,
    left_out: LeftOut | None = None,
) -> ModelCard:
    """Let the model in the folder `model` answer `unsure`, and note what it was trained on; returns its new card.

    The distance is fitted to faces of `manifests`/train.parquet, bounds and limits to valid.parquet; `faces` holds the
    shards; `families` names the family of a data set's fakes. With `left_out` bounds and temperature are those that
    hold on the sources that its training was not shown. The folder is replaced whole. Raises FauxfaceError where model,
    manifest or shards cannot be used.
    """
    classifier = Classifier.load(model, workers)
    train = read_manifest(manifests / "train.parquet")
    train = train[train["dataset"].map(classifier.card.trained_on)].reset_index(drop=True)
    valid = read_manifest(manifests / "valid.parquet")
    chosen = _evenly(train, FITTED)
    known = seen_faces(classifier, chosen, faces, workers).features
    familiarity = None if known is None else Familiarity.fit(known, chosen["label"].to_numpy())
    card = classifier.card.changed(answers=_answers(classifier, familiarity, valid, faces, workers))
    if left_out is not None:
        card = _holding_on(left_out, card, faces, workers)
    facts = {"sources": _sources(train, families or {}), "drawn_sample": _is_drawn(train, faces)}
    with appearing_folder(model) as temp:
        shutil.copytree(model, temp, dirs_exist_ok=True)
        files = {name: digest for name, digest in card.files.items() if name != FAMILIAR}
        (temp / FAMILIAR).unlink(missing_ok=True)
        if familiarity is not None:
            familiarity.save(temp / FAMILIAR)
            files[FAMILIAR] = sha256_file(temp / FAMILIAR)
        card = card.changed(files=files, **facts)
        write_json(temp / CARD, card.model_dump(mode="json"))
    return card


def seen_faces(classifier: Classifier, rows: pd.DataFrame, faces: Path, workers: int) -> Seen:
    """Return what a network gives for the faces of a manifest, in its order; one shard's are in memory at a time."""
    logits, features, size = np.empty(len(rows), np.float32), [], classifier.card.input_size
    order: list[NDArray[np.int64]] = []
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for (dataset, shard), positions in by_shard(rows):
            part = rows.iloc[positions]
            places, face_ids = part["row"].tolist(), part["face_id"].tolist()
            seen = classifier.seen(read_crops(faces, dataset, shard, places, face_ids, size, pool))
            logits[positions] = seen.logits
            features.append(seen.features)
            order.append(positions)
    known = [each for each in features if each is not None]
    if not known:
        return Seen(logits, None)
    joined = np.concatenate(known)
    return Seen(logits, joined[np.argsort(np.concatenate(order))])


def _answers(
    classifier: Classifier, familiarity: Familiarity | None, valid: pd.DataFrame, faces: Path, workers: int
) -> Answers:
    """Return bounds and limits as the validation faces have them; each of their sources counts alike for the bounds."""
    seen = seen_faces(classifier, valid, faces, workers)
    labels, sources = valid["label"].to_numpy(), valid["dataset"].to_numpy()
    real_below, fake_from = answer_bounds(labels, classifier.calibrated(seen.logits), sources)
    far = None if familiarity is None or seen.features is None else familiarity.distance(seen.features)
    limit = None if far is None else float(np.quantile(far, 1 - RARE, method="higher"))
    qualities = _column(valid, faces, "quality")
    return Answers(
        real_below=real_below,
        fake_from=fake_from,
        rate=ANSWER_RATE,
        unfamiliar_from=None if limit is None else float(np.nextafter(np.float32(limit), np.float32(np.inf))),
        low_quality_below=float(np.nanquantile(qualities, RARE, method="lower")) if np.isfinite(qualities).any() else 0,
        faces=len(valid),
        sources=int(valid["dataset"].nunique()),
    )


def _holding_on(left_out: LeftOut, card: ModelCard, faces: Path, workers: int) -> ModelCard:
    """Return the card with the temperature and the bounds that hold on the sources left out of a training like it.

    Both thresholds stay where they were in the logits.
    """
    rows = read_manifest(left_out.manifest)
    logits = seen_faces(Classifier.load(left_out.model, workers), rows, faces, workers).logits
    labels, sources = rows["label"].to_numpy(), rows["dataset"].to_numpy()
    temperature = fit_temperature(labels, logits)
    real_below, fake_from = answer_bounds(labels, probability(logits, temperature), sources)
    assert card.answers is not None  # noqa: S101 (for mypy)
    bounds = {
        "real_below": real_below,
        "fake_from": fake_from,
        "chosen_on": "sources left out of a training like it",
        "faces": len(rows),
        "sources": len(set(sources)),
    }
    thresholds = {
        name: float(probability(logit([getattr(card, name)]) * card.temperature, temperature)[0])
        for name in ("threshold", "threshold_false_alarm")
        if 0 < getattr(card, name) < 1
    }
    answers = card.answers.model_copy(update=bounds)
    return card.changed(answers=answers, temperature=temperature, **thresholds)


def _evenly(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most about `most` rows, as many of each class of each data set as of the others, or all that it has."""
    kinds = [places for _, places in sorted(rows.groupby(["dataset", "label"]).indices.items())]
    share = max(most // len(kinds), 1)
    kept = [places[np.linspace(0, len(places) - 1, min(share, len(places))).astype(int)] for places in kinds]
    return rows.iloc[np.sort(np.concatenate(kept))].reset_index(drop=True)


def _column(rows: pd.DataFrame, faces: Path, name: str) -> NDArray[np.float64]:
    """Return a column of figures of the faces' shards, (n,), nan where it is empty."""
    values = np.full(len(rows), np.nan)
    for (dataset, shard), positions in by_shard(rows):
        part = rows.iloc[positions]
        table = read_shard(faces, dataset, shard, part["row"].tolist(), part["face_id"].tolist(), [name])
        values[positions] = table.column(name).to_pandas().to_numpy(np.float64)
    return values


def _sources(train: pd.DataFrame, families: Mapping[str, str]) -> dict[str, SourceOfFaces]:
    counts = train.groupby(["dataset", "label"]).size()
    return {
        str(name): SourceOfFaces(
            real=int(counts.get((name, 0), 0)), fake=int(counts.get((name, 1), 0)), family=families.get(str(name), "")
        )
        for name in sorted(train["dataset"].unique())
    }


def _is_drawn(train: pd.DataFrame, faces: Path) -> bool:
    """Tell whether all faces trained on are of the drawn sample."""
    for (dataset, shard), positions in by_shard(train):
        part = train.iloc[positions]
        names = ["member", "width", "height"]
        table = read_shard(faces, dataset, shard, part["row"].tolist(), part["face_id"].tolist(), names)
        if not all(is_drawn(*(row[name] for name in names)) for row in table.to_pylist()):
            return False
    return len(train) > 0
