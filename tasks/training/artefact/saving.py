"""The model artefact: network, scorer and card, accepted only when both forms of the network agree on real faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.params import CropParams, FauxfaceError
from tasks.params.files import appearing_folder, sha256_file, write_json
from tasks.scoring.card import ARCHITECTURE, CARD, FILES, SCORER, WEIGHTS, ModelCard, model_id
from tasks.scoring.classifier import Classifier, Scorer
from tasks.training.artefact.export import export_scorer
from tasks.training.networks.network_file import write_network
from tasks.training.networks.zoo import logit_model

# Largest difference between the logits of Keras and of OpenVINO, both at f32.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class About:
    """What a card says beside hashes and ids; see ModelCard."""

    recipe: dict[str, Any]
    crop: CropParams
    threshold: float
    threshold_false_alarm: float
    temperature: float
    seed: int
    data: dict[str, str]
    valid: dict[str, Any]
    versions: dict[str, str]
    device: str


def save_artefact(
    network: keras.Model, folder: Path, describe: Callable[[Scorer], About], faces: NDArray[np.uint8]
) -> ModelCard:
    """Write the artefact of `network` (giving p_fake) to `folder`, whole or not at all, and return its card.

    `describe` may ask the exported network for what the card says. `faces` (n, size, size, 3) uint8 RGB are scored by
    both forms of the network; raises FauxfaceError when a logit differs by more than TOLERANCE, or when the network
    cannot be exported.
    """
    with appearing_folder(folder) as temp:
        write_network(network, temp)
        export_scorer(temp)
        card = _card(temp, network, describe(Scorer(temp / SCORER, int(network.input_shape[1]))))
        write_json(temp / CARD, card.model_dump(mode="json"))
        _compare(network, Classifier.load(temp), faces)
    return card


def _card(folder: Path, network: keras.Model, about: About) -> ModelCard:
    files = {name: sha256_file(folder / name) for name in FILES}
    size = int(network.input_shape[1])
    thresholds = (about.threshold, about.threshold_false_alarm)
    identity = model_id(files[ARCHITECTURE], files[WEIGHTS], about.crop, size, thresholds, about.temperature)
    return ModelCard(model_id=identity, input_size=size, files=files, **vars(about))


def _compare(network: keras.Model, classifier: Classifier, faces: NDArray[np.uint8]) -> None:
    expected = keras_logits(network, faces)
    largest = float(np.max(np.abs(expected - classifier.logits(faces)), initial=0.0))
    if not largest <= TOLERANCE:
        raise FauxfaceError(
            f"training: the exported scorer differs from the network by {largest:.2g} in its logits ({TOLERANCE:g} is "
            "allowed). The model was not saved; report this with the versions of Keras and OpenVINO."
        )


def keras_logits(network: keras.Model, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the logits, (n,) float32, that Keras computes for faces (n, size, size, 3) uint8 of the input's size."""
    # Batch by batch: `predict` on an array goes through tf.data, which writes an error about itself to the terminal.
    return logits_of(network, np.split(faces, range(32, len(faces), 32)))


def logits_of(network: keras.Model, batches: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return the logits of all batches of faces, as `keras_logits` does of one array."""
    model = logit_model(network)  # one for all of them: Keras compiles each anew, which takes seconds
    found = [np.asarray(model.predict_on_batch(batch.astype(np.float32)), np.float32) for batch in batches]
    return np.concatenate(found).reshape(-1)
