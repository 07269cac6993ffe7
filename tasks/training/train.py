"""One training from manifests to artefact: read, fit, calibrate, save. Importing this costs nothing; Keras comes with
the call."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.evaluation.calibration import fit_temperature
from tasks.evaluation.metrics import summary
from tasks.evaluation.threshold import best_threshold
from tasks.manifests.schemas import shard_name
from tasks.params import CropParams, FauxfaceError, TrainParams
from tasks.params.files import sha256_file
from tasks.scoring.card import ModelCard
from tasks.scoring.classifier import probability
from tasks.scoring.crops import by_shard, read_manifest
from tasks.training.backend import device, prepare_backend, versions
from tasks.training.recipes import Recipe, load_recipe

if TYPE_CHECKING:
    import keras

    from tasks.training.fit import Fitted
    from tasks.training.loader import FaceBatches

# Faces of the validation split on which the two forms of the network are compared.
COMPARED = 256


@dataclass(frozen=True)
class Split:
    """One split's manifest and labels (n,)."""

    rows: pd.DataFrame
    labels: NDArray[np.int8]


@dataclass(frozen=True)
class TrainResult:
    """The saved model's card, and the report for reports/train.json."""

    card: ModelCard
    report: dict[str, Any]


def train(
    manifests: Path,
    faces: Path,
    out: Path,
    crop: CropParams,
    params: TrainParams,
    state: Path,
    history: Path,
    *,
    workers: int,
    progress: bool,
) -> TrainResult:
    """Train on `manifests`/train.parquet, choose on valid.parquet, and write the artefact to `out`.

    `faces` holds the shards; `history` becomes a CSV with a row an epoch; `state` is the folder from which a killed
    training goes on, removed at the end. Raises FauxfaceError for a recipe, manifest or shard that cannot be used, and
    for a loss that is no number.
    """
    recipe = load_recipe(params.recipe).overridden(params)
    splits = {name: read_split(manifests / f"{name}.parquet") for name in ("train", "valid")}
    data = _data_hashes(manifests, faces, splits)
    prepare_backend()
    network, batches = _build(recipe, splits, faces, params.seed, workers)
    fingerprint = _fingerprint(recipe, params.seed, data)
    fitted = _fit(network, recipe, batches, splits["train"].labels, state, fingerprint, history, progress)
    card = _save(network, batches["valid"], splits["valid"].labels, out, recipe, crop, params.seed, data)
    shutil.rmtree(state, ignore_errors=True)
    return TrainResult(card, _report(card, fitted, splits))


def read_split(path: Path) -> Split:
    """Return a split's manifest; raises FauxfaceError when a class is missing, for nothing can be learnt then."""
    rows = read_manifest(path)
    labels = rows["label"].to_numpy(np.int8)
    missing = [name for label, name in ((0, "real"), (1, "fake")) if not np.any(labels == label)]
    if missing:
        raise FauxfaceError(f"{path}: holds no {' and no '.join(missing)} face. Add data, then run `fauxface split`.")
    return Split(rows, labels)


def _data_hashes(manifests: Path, faces: Path, splits: dict[str, Split]) -> dict[str, str]:
    """Return the SHA-256 of both manifests and one over all shards that they name."""
    hashes = {name: sha256_file(manifests / f"{name}.parquet") for name in splits}
    shards = {key for split in splits.values() for key, _ in by_shard(split.rows)}
    digest = hashlib.sha256()
    for dataset, shard in sorted(shards):
        path = faces / dataset / shard_name(shard)
        if not path.is_file():
            raise FauxfaceError(f"{path}: there is no such shard. Make it with `fauxface crop` or `dvc pull`.")
        digest.update(sha256_file(path).encode())
    return {**hashes, "faces": digest.hexdigest()}


def _build(
    recipe: Recipe, splits: dict[str, Split], faces: Path, seed: int, workers: int
) -> tuple[keras.Model, dict[str, FaceBatches]]:
    import keras

    from tasks.training.augment import Augmenter
    from tasks.training.loader import CropStore, FaceBatches
    from tasks.training.zoo import build_network

    keras.utils.set_random_seed(seed)
    network = build_network(recipe.network, recipe.input_size, recipe.network_arguments)
    stores = {name: CropStore(split.rows, faces, recipe.input_size, workers) for name, split in splits.items()}
    batches = {
        "train": FaceBatches(
            stores["train"],
            splits["train"].labels,
            recipe.batch_size,
            seed=seed,
            shuffle=True,
            augmenter=Augmenter(recipe.augmentation, recipe.input_size),
            workers=workers,
        ),
        "valid": FaceBatches(stores["valid"], splits["valid"].labels, recipe.batch_size, workers=workers),
    }
    return network, batches


def _fit(
    network: keras.Model,
    recipe: Recipe,
    batches: dict[str, FaceBatches],
    labels: NDArray[np.int8],
    state: Path,
    fingerprint: str,
    history: Path,
    progress: bool,
) -> Fitted:
    from tasks.training.fit import balanced_weights, fit
    from tasks.training.state import TrainingState

    weights = balanced_weights(labels) if recipe.class_weights else None
    kept = TrainingState(state, fingerprint)
    return fit(network, recipe, batches["train"], batches["valid"], weights, kept, history, show=progress)


def _save(
    network: keras.Model,
    batches: FaceBatches,
    labels: NDArray[np.int8],
    out: Path,
    recipe: Recipe,
    crop: CropParams,
    seed: int,
    data: dict[str, str],
) -> ModelCard:
    """Fit temperature and threshold on the validation split and write the artefact."""
    from tasks.training.artefact import About, save_artefact
    from tasks.training.zoo import logit_model

    logits = np.asarray(logit_model(network).predict(batches, verbose=0), np.float32).reshape(-1)
    temperature = fit_temperature(labels, logits)
    p_fake = probability(logits, temperature)
    threshold = best_threshold(labels, p_fake)
    valid = {name: value for name, value in summary(labels, p_fake, threshold).items() if name != "reasons"}
    about = About(recipe.model_dump(mode="json"), crop, threshold, temperature, seed, data, valid, versions(), device())
    return save_artefact(network, out, about, batches[0][0][:COMPARED])


def _fingerprint(recipe: Recipe, seed: int, data: dict[str, str]) -> str:
    """Return a digest of all that decides a training; a state with another one is of no use."""
    content = repr((recipe.model_dump(mode="json"), seed, sorted(data.items()), sorted(versions().items())))
    return hashlib.sha256(content.encode()).hexdigest()


def _report(card: ModelCard, fitted: Fitted, splits: dict[str, Split]) -> dict[str, Any]:
    progress = fitted.progress
    best = progress.history[progress.best_epoch - 1]
    images = len(splits["train"].rows) * progress.epochs
    return {
        "recipe": card.recipe["name"],
        "model_id": card.model_id,
        "epochs": progress.epochs,
        "best_epoch": progress.best_epoch,
        "resumed_after": fitted.resumed_after,
        "train_faces": len(splits["train"].rows),
        "valid_faces": len(splits["valid"].rows),
        "loss": best["loss"],
        "valid_loss": best["val_loss"],
        "valid_auc": card.valid["roc_auc"],
        "valid_balanced_accuracy": card.valid["balanced_accuracy"],
        "threshold": card.threshold,
        "temperature": card.temperature,
        "seconds": round(progress.seconds, 2),
        "images_per_second": round(images / progress.seconds, 1),
        "device": card.device,
    }
