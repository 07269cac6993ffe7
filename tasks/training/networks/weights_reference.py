"""The reference model's weights as the beginning of a training: `weights: reference`.

They lie in the package as safetensors of float16, which holds no code and is a quarter of the whole package; a training
that begins with them does not notice the rounding.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tasks.params import FauxfaceError
from tasks.training.networks.reference import packaged_weights


def save_weights(model: keras.Model, path: Path) -> None:
    """Write all weights of `model` to `path`, rounded to float16, under the names of their layers."""
    arrays = {weight.path: np.asarray(keras.ops.convert_to_numpy(weight)) for weight in model.weights}
    save_file({name: np.ascontiguousarray(array.astype(np.float16)) for name, array in arrays.items()}, path)


def load_reference(model: keras.Model) -> None:
    """Load the reference model's weights, those of its verdict too; raises FauxfaceError where they do not fit."""
    load_saved(model, packaged_weights())


def load_saved(model: keras.Model, path: Path) -> None:
    """Load what `save_weights` wrote; raises FauxfaceError when it is something else or of another network."""
    try:
        arrays: dict[str, NDArray[np.float16]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise FauxfaceError(f"{path}: cannot be read as safetensors ({error}). Install fauxface again.") from None
    shapes = {weight.path: tuple(weight.shape) for weight in model.weights}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise FauxfaceError(
            f"{path}: holds the weights of lite0 without arguments, and not of this {model.name}. Use `network: lite0` "
            "without network_arguments, or `weights: imagenet`."
        )
    for weight in model.weights:
        weight.assign(arrays[weight.path].astype(np.float32))
