"""One training from manifests to artefact: read, fit, calibrate, save. Importing this costs nothing; Keras comes with
the call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.manifests.schemas import shard_name
from tasks.params import CropParams, FauxfaceError, TrainParams
from tasks.params.files import sha256_file
from tasks.scoring.card import ModelCard
from tasks.scoring.crops import by_shard
from tasks.training.artefact.answers import with_three_answers
from tasks.training.artefact.calibration import calibration
from tasks.training.fitting.backend import Precision, choose_precision, computing_in, device, prepare_backend, versions
from tasks.training.networks.reference import REFERENCE, packaged_weights
from tasks.training.recipe.recipes import FILE, Recipe, load_recipe
from tasks.training.recipe.splits import Split, of_phase, read_split, with_fakes

if TYPE_CHECKING:
    import keras

    from tasks.scoring.classifier import Scorer
    from tasks.training.batches.loader import FaceBatches
    from tasks.training.fitting.state import Progress
    from tasks.training.recipe.phases import TrainingFaces

# Faces of the validation split on which the two forms of the network are compared.
COMPARED = 256


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
    families: Mapping[str, str] | None = None,
) -> TrainResult:
    """Train on `manifests`/train.parquet, choose on valid.parquet, and write the artefact to `out`.

    `faces` holds the shards; `history` becomes a CSV with a row an epoch; `state` is the folder from which a killed
    training goes on, removed at the end; `families` names the families of data sets' fakes, for the card. Raises
    FauxfaceError for a recipe, manifest or shard that cannot be used, and for a loss that is no number.
    """
    recipe = load_recipe(params.recipe).overridden(params)
    splits = {name: read_split(manifests / f"{name}.parquet") for name in ("train", "valid")}
    left_out, taken, heads = {}, np.zeros(len(splits["train"].rows), bool), []
    for phase in recipe.stages():
        used = of_phase(splits, phase)["train"]  # raises now what would end the training hours from here
        left_out[phase.name] = phase.left_out(len(used.rows))
        taken |= splits["train"].rows["face_id"].isin(used.rows["face_id"]).to_numpy()
        if phase.method == "ridge":
            heads = with_fakes(used)
            recipe = recipe.with_heads(len(heads))
    data = _data_hashes(manifests, faces, splits, recipe)
    prepare_backend()
    from tasks.training.recipe.phases import TrainingFaces

    batches = TrainingFaces(recipe, splits, faces, params.seed, workers)
    work = _Work(recipe, batches, out, crop, params, data, state, history, workers, progress)
    made = _by_file(work) if recipe.network == FILE else _by_keras(work, splits["valid"].labels)
    card = with_three_answers(out, manifests, faces, workers, families)
    about_faces = {
        "train_faces": int(taken.sum()),
        "left_out": left_out,
        "valid_faces": len(splits["valid"].rows),
        "tells_apart": _tells(card),
        "nothing_learnt": [name for number, name in enumerate(heads) if not made.kernel[:, number].any()],
    }
    made.forget()
    return TrainResult(card, _report(card, made, about_faces))


@dataclass(frozen=True)
class _Work:
    """What a training is made from, and where it is written."""

    recipe: Recipe
    batches: TrainingFaces
    out: Path
    crop: CropParams
    params: TrainParams
    data: dict[str, str]
    state: Path
    history: Path
    workers: int
    progress: bool


@dataclass(frozen=True)
class _Made:
    """How a training went, the weights (d, heads) of its verdict; `forget` removes what a resume would need."""

    progress: Progress
    resumed_after: int
    kernel: NDArray[np.float32]
    precision: Precision
    forget: Callable[[], None]


def _by_keras(work: _Work, labels: NDArray[np.int8]) -> _Made:
    """Train a network of the zoo and write the artefact; `labels` are those of the validation split."""
    from tasks.training.fitting.fit import Record, fit
    from tasks.training.fitting.state import TrainingState
    from tasks.training.networks.zoo import linear_layer

    recipe, seed = work.recipe, work.params.seed
    # What a ridge phase solves for are the features that the saved network computes, which is f32.
    closed = work.params.precision == "auto" and any(phase.method == "ridge" for phase in recipe.stages())
    precision = "f32" if closed else choose_precision(work.params.precision)
    network = _network(recipe, seed, precision)
    kept = TrainingState(work.state, _fingerprint(recipe, seed, precision, work.data))
    fitted = fit(network, recipe.stages(), work.batches.of, Record(kept, work.history, work.progress))
    _save(_plain(network, recipe), work.batches.valid(), labels, work.out, recipe, work.crop, seed, work.data)
    kernel = linear_layer(network).get_weights()[0]
    return _Made(fitted.progress, fitted.resumed_after, kernel, precision, kept.remove)


def _by_file(work: _Work) -> _Made:
    """Train the head of a network from a file and write the artefact."""
    from tasks.training.fitting.callbacks import write_history
    from tasks.training.fitting.state import Progress
    from tasks.training.ridge.file_probe import fit_file_probe, save_file_probe

    recipe = work.recipe
    probed = fit_file_probe(recipe, work.batches.of(recipe.stages()[0]), work.workers, work.progress)
    row = {"epoch": 1, "phase": 1, **probed.figures, "learning_rate": 0.0}
    write_history(work.history, [row])
    about = {"seed": work.params.seed, "data": work.data, "versions": versions(), "device": "openvino cpu"}
    save_file_probe(probed, recipe, work.batches.valid(), work.out, about, work.crop)
    progress = Progress(epochs=1, best_epoch=1, seconds=probed.seconds, faces=probed.faces, history=[row])
    return _Made(progress, 0, probed.kernel, "f32", lambda: None)


def _data_hashes(manifests: Path, faces: Path, splits: dict[str, Split], recipe: Recipe) -> dict[str, str]:
    """Return the SHA-256 of both manifests, one over all shards that they name, and that of a file of weights."""
    hashes = {name: sha256_file(manifests / f"{name}.parquet") for name in splits}
    shards = {key for split in splits.values() for key, _ in by_shard(split.rows)}
    digest = hashlib.sha256()
    for dataset, shard in sorted(shards):
        path = faces / dataset / shard_name(shard)
        if not path.is_file():
            raise FauxfaceError(f"{path}: there is no such shard. Make it with `fauxface crop` or `dvc pull`.")
        digest.update(sha256_file(path).encode())
    weights = packaged_weights() if recipe.weights == REFERENCE else Path(recipe.weights)
    if recipe.network == FILE:
        from tasks.training.networks.file_network import digest_of, file_of

        given = {"weights": digest_of(file_of(recipe))}
    else:
        given = {"weights": sha256_file(weights)} if weights.is_file() else {}
    return {**hashes, "faces": digest.hexdigest(), **given}


def _network(recipe: Recipe, seed: int, precision: Precision) -> keras.Model:
    """Return the recipe's network with the weights that its training begins with; all drawing is seeded here."""
    import keras

    from tasks.training.fitting.parallel import use_all_devices
    from tasks.training.networks.zoo import build_network

    use_all_devices()
    keras.utils.set_random_seed(seed)
    with computing_in(precision):
        return build_network(
            recipe.network, recipe.input_size, recipe.network_arguments, recipe.weights, recipe.weights_sha256
        )


def _plain(network: keras.Model, recipe: Recipe) -> keras.Model:
    """Return the same network as one device computes it in f32; its weights were f32 in any case."""
    from tasks.training.fitting.parallel import use_one_device
    from tasks.training.networks.zoo import build_network

    use_one_device()
    plain = build_network(recipe.network, recipe.input_size, recipe.network_arguments)
    plain.set_weights(network.get_weights())
    return plain


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
    from tasks.training.artefact.saving import About, save_artefact

    def describe(scorer: Scorer) -> About:
        return About(
            recipe=recipe.model_dump(mode="json"),
            crop=crop,
            seed=seed,
            data=data,
            versions=versions(),
            device=device(),
            **calibration(labels, _logits(network, scorer, batches))._asdict(),
        )

    return save_artefact(network, out, describe, _first(batches, COMPARED))


def _logits(network: keras.Model, scorer: Scorer, batches: FaceBatches) -> NDArray[np.float32]:
    """Return the logits (n,) of all faces; those of statistics from the exported network, which is faster."""
    from tasks.training.artefact.saving import logits_of
    from tasks.training.networks.zoo import takes_statistics
    from tasks.training.ridge.feature_extractor import by_openvino

    if takes_statistics(network):
        return np.concatenate(list(by_openvino(scorer, batches)))[:, 0]
    return logits_of(network, (batches[number][0] for number in range(len(batches))))


def _first(batches: FaceBatches, faces: int) -> NDArray[np.uint8]:
    """Return the pixels of the first `faces` faces, (n, size, size, 3), or of as many as there are."""
    size = len(batches[0][0])
    needed = min(-(-faces // size), len(batches))
    return np.concatenate([batches[number][0] for number in range(needed)])[:faces]


def _fingerprint(recipe: Recipe, seed: int, precision: Precision, data: dict[str, str]) -> str:
    """Return a digest of all that decides a training; a state with another one is of no use."""
    place = (device(), sorted(versions().items()))
    content = repr((recipe.model_dump(mode="json"), seed, precision, sorted(data.items()), place))
    return hashlib.sha256(content.encode()).hexdigest()


def _tells(card: ModelCard) -> bool:
    """Return whether the model calls some validation faces fake and others real."""
    counts = card.valid["confusion"]
    return counts["fake_as_fake"] + counts["real_as_fake"] not in (0, card.valid["n"])


def _report(card: ModelCard, made: _Made, about_faces: dict[str, Any]) -> dict[str, Any]:
    progress = made.progress
    best = progress.history[progress.best_epoch - 1]
    return {
        "recipe": card.recipe["name"],
        "model_id": card.model_id,
        "phases": progress.phase + 1,
        "epochs": progress.epochs,
        "best_epoch": progress.best_epoch,
        "resumed_after": made.resumed_after,
        **about_faces,
        "loss": best["loss"],
        "valid_loss": best["val_loss"],
        "valid_auc": card.valid["roc_auc"],
        "valid_balanced_accuracy": card.valid["balanced_accuracy"],
        "threshold": card.threshold,
        "temperature": card.temperature,
        "seconds": round(progress.seconds, 2),
        "images_per_second": round(progress.faces / progress.seconds, 1),
        "device": card.device,
        "precision": made.precision,
    }
