"""EfficientNet-Lite0 (Tan and Le, 2019, in the form without squeeze-and-excitation that Google published in 2020)."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import layers

from tasks.training.zoo.verdict import with_verdict


class Stage(NamedTuple):
    """Blocks of one kind: how many, kernel, stride of the first, expansion of the channels, channels."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
EPSILON = 1e-3  # of its batch normalisation

BLOCKS = tuple((stage, stage.stride if number == 0 else 1) for stage in STAGES for number in range(stage.repeats))


def lite0(input_size: int, batch_norm: bool = False, dropout: float = 0.2) -> keras.Model:
    """Return EfficientNet-Lite0 under a new verdict, on its 1280 pooled channels behind `dropout`.

    Without `batch_norm` every convolution has a bias instead, into which weights.py folds the statistics of ImageNet:
    the same function before training, 1.8 times as fast to train on a CPU, and no statistics that drift when the
    batches are small.
    """
    pixels = keras.Input((input_size, input_size, 3), name="image")
    scaled = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescale")(pixels)
    values = layers.GlobalAveragePooling2D(name="pool")(_Maker(batch_norm).network(scaled))
    return with_verdict(pixels, layers.Dropout(dropout, name="dropout")(values), "lite0")


class _Maker:
    """Makes the layers of one of the two forms."""

    def __init__(self, batch_norm: bool) -> None:
        self._batch_norm = batch_norm
        self._usual = {"padding": "same", "use_bias": not batch_norm}

    def network(self, scaled: Any) -> Any:
        """Return what all convolutions make of pictures whose values are about -1 to 1."""
        values = self.convolution(scaled, "stem", 32, 3, 2)
        for number, (stage, stride) in enumerate(BLOCKS):
            values = self.block(values, f"b{number}", stage, stride)
        return self.convolution(values, "head", 1280, 1, 1)

    def block(self, values: Any, name: str, stage: Stage, stride: int) -> Any:
        """Return an inverted residual: expand (`_exp`), depthwise (`_dw`), project (`_proj`), and add if it fits."""
        entering, channels = values, int(values.shape[-1])
        if stage.expansion != 1:
            values = self.convolution(values, f"{name}_exp", channels * stage.expansion, 1, 1)
        # He's initialisation by hand: Keras counts all channels as what enters each of them.
        drawn = keras.initializers.RandomNormal(stddev=2**0.5 / stage.kernel)
        depthwise = layers.DepthwiseConv2D(
            stage.kernel, stride, depthwise_initializer=drawn, name=f"{name}_dw", **self._usual
        )
        values = self._finished(depthwise(values), f"{name}_dw")
        values = self.convolution(values, f"{name}_proj", stage.channels, 1, 1, activated=False)
        if stride == 1 and channels == stage.channels:
            values = layers.Add(name=f"{name}_add")([entering, values])
        return values

    def convolution(
        self, values: Any, name: str, channels: int, kernel: int, stride: int, activated: bool = True
    ) -> Any:
        """Return `values` after a convolution and, if `activated`, ReLU6."""
        layer = layers.Conv2D(channels, kernel, stride, kernel_initializer="he_normal", name=name, **self._usual)
        return self._finished(layer(values), name, activated)

    def _finished(self, values: Any, name: str, activated: bool = True) -> Any:
        values = self._normalised(values, name)
        if activated:
            values = layers.ReLU(6.0, name=f"{name}_act")(values)
        return values

    def _normalised(self, values: Any, name: str) -> Any:
        if not self._batch_norm:
            return values
        return layers.BatchNormalization(momentum=0.9, epsilon=EPSILON, name=f"{name}_bn")(values)
