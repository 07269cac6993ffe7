"""A network as two files without code in them: its architecture as JSON, its weights as HDF5."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tasks.params import FauxfaceError
from tasks.scoring.card import ARCHITECTURE, WEIGHTS, ModelCard, load_card

# Where the parts of a network may come from; anything else in architecture.json would import other code by name.
MODULES = {
    "keras",
    "keras.activations",
    "keras.constraints",
    "keras.initializers",
    "keras.layers",
    "keras.models",
    "keras.regularizers",
    "keras.src.models.functional",
    "keras.src.models.sequential",
}
# Layers of Keras that carry code or load files of their own.
FORBIDDEN = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"}


def load_keras(model: Path) -> tuple[keras.Model, ModelCard]:
    """Return the Keras network (giving p_fake) and the card of a model folder, after verifying every file.

    Raises FauxfaceError when a file is missing or differs from the card, or when the architecture holds code.
    """
    card = load_card(model)
    if card.scoring_only:
        raise FauxfaceError(
            f"{model}: holds no Keras form of the network: it scores, and is explained by exact, occlusion and shap, "
            "but neither methods of Keras nor further training can use it."
        )
    return read_network(model), card


def write_network(network: keras.Model, folder: Path) -> None:
    """Write architecture.json and model.weights.h5 into `folder`; equal networks give equal bytes."""
    architecture = json.loads(network.to_json())
    (folder / ARCHITECTURE).write_text(json.dumps(architecture, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    network.save_weights(folder / WEIGHTS)


def read_network(folder: Path) -> keras.Model:
    """Return the network in `folder`; raises FauxfaceError when it holds code or the two files do not fit."""
    path = folder / ARCHITECTURE
    try:
        architecture = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FauxfaceError(f"{path}: cannot be read ({error}).") from None
    refuse_code(architecture, path)
    try:
        network = keras.models.model_from_json(json.dumps(architecture))
        network.load_weights(folder / WEIGHTS)
    except (TypeError, ValueError, KeyError, OSError) as error:
        raise FauxfaceError(f"{folder}: Keras {keras.__version__} cannot build the network: {error}") from None
    for weight in network.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise FauxfaceError(f"{folder / WEIGHTS}: {weight.path} holds NaN or infinity. Train again.")
    return network


def refuse_code(architecture: Any, path: Path) -> None:
    """Raise FauxfaceError when an architecture names anything but layers and settings of Keras that hold no code."""
    for module, name in _parts(architecture):
        harmless = module in MODULES and name not in FORBIDDEN and not name.startswith("__") and name != "function"
        if not harmless and (module, name) != (None, "__keras_tensor__"):
            raise FauxfaceError(
                f"{path}: holds {name!r} of {module!r}, which could run code. Only Keras' own layers without code are "
                "loaded: do not use this model, train again."
            )


def _parts(value: Any) -> Iterator[tuple[str | None, str]]:
    """Yield (module, class name) of everything that Keras would build from a configuration."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value.get("module"), str(value["class_name"])
        children = list(value.values())
    else:
        children = value if isinstance(value, list) else []
    for child in children:
        yield from _parts(child)
