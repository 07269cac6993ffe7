"""The networks, in plain Keras 3: RGB 0..255 in, the layer `logit` and its sigmoid `p_fake` last.

Each is one flat graph of layers, so that explanations reach every one of them, and normalises by itself. Every layer is
named by hand: counted names would differ from run to run in one process, and with them the saved bytes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from tasks.params import FauxfaceError
from tasks.training.networks.weights import NONE, load_pretrained
from tasks.training.networks.zoo.lite0 import lite0
from tasks.training.networks.zoo.mobilenet import mobilenet_v3
from tasks.training.networks.zoo.resnet import resnet18, resnet50
from tasks.training.networks.zoo.scratch import cnn3, foolme
from tasks.training.networks.zoo.statistics import takes_statistics
from tasks.training.networks.zoo.trainable import set_trainable
from tasks.training.networks.zoo.verdict import (
    LOGIT,
    P_FAKE,
    ends_in_verdict,
    linear_layer,
    logit_and_features,
    logit_model,
    with_verdict,
)

__all__ = [
    "LOGIT",
    "NETWORKS",
    "P_FAKE",
    "build_network",
    "ends_in_verdict",
    "linear_layer",
    "logit_and_features",
    "logit_model",
    "set_trainable",
    "takes_statistics",
    "with_verdict",
]

NETWORKS: dict[str, Callable[..., keras.Model]] = {
    "cnn3": cnn3,
    "foolme": foolme,
    "lite0": lite0,
    "mobilenet_v3": mobilenet_v3,
    "resnet18": resnet18,
    "resnet50": resnet50,
}


def build_network(
    name: str, input_size: int, arguments: dict[str, Any], weights: str = NONE, sha256: str | None = None
) -> keras.Model:
    """Return the network `name` for (n, input_size, input_size, 3) float32 RGB 0..255, giving p_fake (n, 1).

    `weights` is `none`, `imagenet` or the path of a file, whose SHA-256 is then compared with `sha256` if that is
    given; see weights.py. Raises FauxfaceError for a name or an argument that the zoo does not know, and
    for weights that are not there or do not fit.
    """
    network = NETWORKS.get(name)
    if network is None:
        raise FauxfaceError(f"network: {name!r} is not in the zoo; there are {', '.join(sorted(NETWORKS))}.")
    allowed = list(inspect.signature(network).parameters)[1:]
    unknown = sorted(set(arguments) - set(allowed))
    if unknown:
        raise FauxfaceError(f"network_arguments.{unknown[0]}: {name} takes {', '.join(allowed) or 'no arguments'}.")
    try:
        model = network(input_size, **arguments)
    except (TypeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise FauxfaceError(f"network_arguments: {name} of {input_size} px cannot be built with them: {said}") from None
    if weights != NONE:
        load_pretrained(model, weights, sha256)
    return model
