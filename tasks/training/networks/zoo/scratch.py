"""The small networks of two of the published systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from tasks.training.networks.zoo.verdict import with_verdict

SMALLEST_VARIANCE = 0.01  # a feature that varies less is not made larger than ten times


def cnn3(
    input_size: int,
    widths: Sequence[int] = (32, 64, 64),
    kernel: int = 3,
    pools: Sequence[int] = (2, 2, 2),
    dropout: float = 0.0,
) -> keras.Model:
    """Return the network of the article "Fake Face Image Classification": 3 convolutions, 3 max-pools, one sigmoid.

    The article prints neither widths nor more. Widths and activation (PReLU) are those of O-Net, the face detector's
    largest network (Zhang et al., 2016), so that this one can begin with its convolutions. The flattened features are
    standardised (batch normalisation that learns nothing): of thousands of them for a thousand faces, the strong ones
    would decide otherwise (docs/research-log.md).
    """
    pixels = keras.Input((input_size, input_size, 3), name="image")
    values = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(pixels)
    for number, (width, pool) in enumerate(zip(widths, pools, strict=True), start=1):
        convolution = layers.Conv2D(
            width, kernel, padding="same", kernel_initializer="he_normal", name=f"conv_{number}"
        )
        values = layers.PReLU(shared_axes=[1, 2], name=f"prelu_{number}")(convolution(values))
        values = layers.MaxPooling2D(pool, name=f"pool_{number}")(values)
    values = layers.Flatten(name="flatten")(values)
    usual = {"momentum": 0.9, "center": False, "scale": False, "epsilon": SMALLEST_VARIANCE}
    values = layers.BatchNormalization(**usual, name="norm")(values)
    values = layers.Dropout(dropout, name="dropout")(values)
    return with_verdict(pixels, values, "cnn3")


def foolme(input_size: int, dropout: float = 0.25, momentum: float = 0.99) -> keras.Model:
    """Return the network of the repository "foolme": Conv64-BN-Conv32-pool-Conv64-BN-pool-Dense128-BN, no padding.

    The two-way softmax there is one sigmoid here, which computes the same. `momentum` is that of the batch
    normalisation: with the published one its statistics follow over hundreds of batches, of which a small data set has
    few (their epochs had 156 to 1,562); validation is poor until then.
    """
    pixels = keras.Input((input_size, input_size, 3), name="image")
    values = layers.Rescaling(1 / 255, name="rescale")(pixels)
    values = layers.Conv2D(64, 3, activation="relu", name="conv_1")(values)
    values = layers.BatchNormalization(momentum=momentum, name="norm_1")(values)
    values = layers.Conv2D(32, 3, activation="relu", name="conv_2")(values)
    values = _pooled(values, dropout, 2)
    values = layers.Conv2D(64, 3, activation="relu", name="conv_3")(values)
    values = layers.BatchNormalization(momentum=momentum, name="norm_3")(values)
    values = layers.Flatten(name="flatten")(_pooled(values, dropout, 3))
    values = layers.Dense(128, activation="relu", name="dense_4")(values)
    values = layers.BatchNormalization(momentum=momentum, name="norm_4")(values)
    return with_verdict(pixels, layers.Dropout(dropout, name="dropout_4")(values), "foolme")


def _pooled(values: Any, dropout: float, number: int) -> Any:
    return layers.Dropout(dropout, name=f"dropout_{number}")(layers.MaxPooling2D(2, name=f"pool_{number}")(values))
