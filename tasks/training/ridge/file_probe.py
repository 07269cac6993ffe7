"""The head of `network: file`, in closed form, and the artefact that it makes with its network."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tasks.inference import openvino
from tasks.params import CropParams
from tasks.params.files import appearing_folder, sha256_file, write_json
from tasks.scoring.card import ARCHITECTURE, CARD, SCORER, SCORER_WEIGHTS, WEIGHTS, ModelCard, model_id
from tasks.scoring.classifier import Classifier, Scorer
from tasks.training.artefact.calibration import calibration
from tasks.training.batches.loader import FaceBatches
from tasks.training.networks.file_network import features_network, with_head
from tasks.training.recipe.phases import PhaseFaces
from tasks.training.recipe.recipes import Recipe
from tasks.training.ridge.feature_extractor import by_openvino
from tasks.training.ridge.heads import DEVIATIONS, EPSILON, standardise
from tasks.training.ridge.probe import figures, fit_heads

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Probed:
    """A trained head: kernel (d, heads), bias (heads,), means and scales (d,) of the features; how it went."""

    network: openvino.Model
    kernel: Floats
    bias: Floats
    means: Floats
    scales: Floats
    figures: dict[str, float]
    seconds: float
    faces: int


def fit_file_probe(recipe: Recipe, faces: PhaseFaces, workers: int, show: bool) -> Probed:
    """Train the head of a recipe with `network: file` on the looks at `faces`; see probe.py for what it solves.

    Raises FauxfaceError as features_network does. For n looks and d features this needs 4 n d bytes and about 6 n^2
    float64.
    """
    began = time.monotonic()
    network = features_network(recipe)
    passes = (faces.train, *faces.further, faces.valid)
    with tqdm(
        total=sum(len(batches) for batches in passes), desc=recipe.stages()[0].name, unit="batch",
        file=sys.stderr, dynamic_ncols=True, disable=not show, mininterval=0.1 if sys.stderr.isatty() else 10,
    ) as bar, tempfile.TemporaryDirectory(prefix="fauxface-features-") as folder:  # fmt: skip
        openvino.serialize(network, Path(folder) / SCORER)
        scorer = Scorer(Path(folder) / SCORER, recipe.input_size, workers)
        *seen, valid = (_features(scorer, batches, bar.update) for batches in passes)
    features = np.concatenate(seen)
    means, variances = standardise(features)
    heads = fit_heads(features, [slice(0, features.shape[1])], faces.rows)
    kernel = np.stack([head.weights for head in heads], axis=1).astype(np.float32)
    bias = np.array([head.bias for head in heads], np.float32)
    scales = np.sqrt(variances + np.float32(EPSILON))
    looks = {
        "": (features[: len(faces.rows.labels)], faces.train),
        "val_": (np.clip((valid - means) / scales, -DEVIATIONS, DEVIATIONS), faces.valid),
    }
    found = {
        f"{prefix}{name}": value
        for prefix, (values, batches) in looks.items()
        for name, value in figures((values @ kernel + bias).max(axis=1), batches).items()
    }
    count = sum(len(batches.labels) for batches in passes[:-1])
    return Probed(network, kernel, bias, means, scales, found, time.monotonic() - began, count)


def save_file_probe(
    probed: Probed, recipe: Recipe, valid: FaceBatches, folder: Path, about: dict[str, Any], crop: CropParams
) -> ModelCard:
    """Write the model, which scores and has no Keras form, to `folder`, whole or not at all, and return its card.

    Temperature and thresholds are fitted to the faces of `valid`, as the written graph sees them. `about` is what else
    the card says: seed, data (`weights`: the digest of the network's file), versions, device.
    """
    with appearing_folder(folder) as temp:
        graph = with_head(probed.network, probed.means, probed.scales, DEVIATIONS, probed.kernel, probed.bias)
        openvino.serialize(graph, temp / SCORER)
        scorer = Scorer(temp / SCORER, recipe.input_size)
        logits = np.concatenate(list(by_openvino(scorer, valid)))[:, 0]
        found = calibration(valid.labels, logits)
        files = {name: sha256_file(temp / name) for name in (SCORER, SCORER_WEIGHTS)}
        # The two that stand for a network in a model's id: the file that it is, and the head.
        files |= {ARCHITECTURE: about["data"]["weights"], WEIGHTS: _digest(probed)}
        thresholds = (found.threshold, found.threshold_false_alarm)
        card = ModelCard(
            model_id=model_id(
                files[ARCHITECTURE], files[WEIGHTS], crop, recipe.input_size, thresholds, found.temperature
            ),
            recipe=recipe.model_dump(mode="json"),
            input_size=recipe.input_size,
            crop=crop,
            files=files,
            scoring_only=True,
            **found._asdict(),
            **about,
        )
        write_json(temp / CARD, card.model_dump(mode="json"))
        Classifier.load(temp)  # as it will be loaded: its files are those of the card
    return card


def _features(scorer: Scorer, batches: FaceBatches, told: Callable[[], Any]) -> Floats:
    found = []
    for outputs in by_openvino(scorer, batches):
        found.append(outputs)
        told()
    return np.concatenate(found)


def _digest(probed: Probed) -> str:
    arrays = (probed.means, probed.scales, probed.kernel, probed.bias)
    return hashlib.sha256(b"".join(np.ascontiguousarray(each, "<f4").tobytes() for each in arrays)).hexdigest()
