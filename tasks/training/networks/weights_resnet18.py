"""ResNet18's published PyTorch weights from a safetensors file, tensor by tensor into the Keras layers.

https://huggingface.co/docs/safetensors: a header of JSON and raw numbers, no code in it.
"""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from tasks.params import FauxfaceError

# Of the 1000 classes, and a counter that only PyTorch's own training reads.
NOT_NEEDED = re.compile(r"fc\.(weight|bias)|.*\.num_batches_tracked")
NORM = ("weight", "bias", "running_mean", "running_var")


def load_resnet18(model: keras.Model, path: Path) -> None:
    """Load torchvision's resnet18 from the safetensors file `path`; the verdict stays as it is.

    Raises FauxfaceError when the file cannot be read, or when a tensor is missing, unknown or of another shape.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise FauxfaceError(f"{path}: is no readable safetensors file of float32 ({error}). Fetch it again.") from None
    wanted = [name for layer in model.layers if layer.name != "logit" for name in _tensors(layer)]
    unknown = sorted(name for name in set(tensors) - set(wanted) if not NOT_NEEDED.fullmatch(name))
    missing = [name for name in wanted if name not in tensors]
    if missing or unknown:
        said = f"{missing[0]} is missing" if missing else f"{unknown[0]} is no tensor of it"
        raise FauxfaceError(f"{path}: is not torchvision's resnet18: {said}.")
    for layer in model.layers:
        if layer.name != "logit" and layer.weights:
            _fill(layer, [_as_keras(tensors[name]) for name in _tensors(layer)], path)


def _fill(layer: keras.Layer, values: list[NDArray[np.float32]], path: Path) -> None:
    try:
        layer.set_weights(values)
    except ValueError:
        expected = [tuple(weight.shape) for weight in layer.weights]
        shapes = [value.shape for value in values]
        raise FauxfaceError(f"{path}: {layer.name} needs arrays of {expected}, the file has {shapes}.") from None


def _tensors(layer: keras.Layer) -> list[str]:
    """Return PyTorch's names of a layer's arrays, in the order in which Keras keeps them."""
    name = re.sub(r"^(layer\d)_(\d)_", r"\1.\2.", layer.name).replace("downsample_", "downsample.")
    if isinstance(layer, keras.layers.BatchNormalization):
        return [f"{name}.{part}" for part in NORM]
    return [f"{name}.weight"] if isinstance(layer, keras.layers.Conv2D) else []


def _as_keras(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel (out, in, height, width) as (height, width, in, out); other arrays are the same in both."""
    return tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor
