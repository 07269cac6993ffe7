"""The networks, in plain Keras 3: RGB 0..255 in, the layer `logit` and its sigmoid `p_fake` last.

Every layer is named by hand: counted names would differ from run to run in one process, and with them the saved bytes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from tasks.params import FauxfaceError

LOGIT = "logit"
P_FAKE = "p_fake"


def build_network(name: str, input_size: int, arguments: dict[str, Any]) -> keras.Model:
    """Return the network `name` for (n, input_size, input_size, 3) float32 RGB 0..255, giving p_fake (n, 1).

    Raises FauxfaceError for a name or an argument that the zoo does not know.
    """
    network = NETWORKS.get(name)
    if network is None:
        raise FauxfaceError(f"network: {name!r} is not in the zoo; there are {', '.join(sorted(NETWORKS))}.")
    allowed = list(inspect.signature(network).parameters)[1:]
    unknown = sorted(set(arguments) - set(allowed))
    if unknown:
        raise FauxfaceError(f"network_arguments.{unknown[0]}: {name} takes {', '.join(allowed)}.")
    return network(input_size, **arguments)


def cnn3(
    input_size: int,
    widths: Sequence[int] = (32, 64, 128),
    kernel: int = 3,
    pools: Sequence[int] = (2, 2, 2),
    dropout: float = 0.5,
) -> keras.Model:
    """Return the network of the article "Fake Face Image Classification": 3 convolutions, 3 max-pools, one sigmoid.

    The article prints neither widths nor more; these are usual ones. Batch normalisation (Ioffe and Szegedy, 2015) lets
    it learn at three times the rate, which counts where there are ten epochs for a thousand faces. It stands behind the
    pool, where it costs a quarter.
    """
    pixels = keras.Input((input_size, input_size, 3), name="image")
    values = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(pixels)
    for number, (width, pool) in enumerate(zip(widths, pools, strict=True), start=1):
        convolution = layers.Conv2D(
            width, kernel, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"conv_{number}"
        )
        values = layers.MaxPooling2D(pool, name=f"pool_{number}")(convolution(values))
        values = layers.BatchNormalization(momentum=0.9, name=f"norm_{number}")(values)
        values = layers.ReLU(name=f"relu_{number}")(values)
    values = layers.Flatten(name="flatten")(values)
    values = layers.Dropout(dropout, name="dropout")(values)
    return with_verdict(pixels, values, "cnn3")


def with_verdict(pixels: Any, features: Any, name: str) -> keras.Model:
    """Return the model that ends `features` (n, channels) in one logit and its sigmoid."""
    logit = layers.Dense(1, name=LOGIT)(features)
    return keras.Model(pixels, layers.Activation("sigmoid", name=P_FAKE)(logit), name=name)


def logit_model(model: keras.Model) -> keras.Model:
    """Return the same network, sharing its weights, that ends at the logit (n, 1)."""
    return keras.Model(model.input, model.get_layer(LOGIT).output, name=f"{model.name}_logit")


NETWORKS: dict[str, Callable[..., keras.Model]] = {"cnn3": cnn3}
