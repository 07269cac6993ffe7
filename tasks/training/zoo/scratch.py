"""The small networks of two of the published systems, which are trained from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from tasks.training.zoo.verdict import with_verdict


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
