"""MobileNetV3-Large (Howard et al., 2019, "Searching for MobileNetV3"), layer by layer.

The same network as `keras.applications.MobileNetV3Large`, whose weights fit; that one is not used because it leaves
layers without names of their own and makes its hard sigmoid of bare operations, which are no layers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import layers

from tasks.training.networks.zoo.verdict import with_verdict


class Block(NamedTuple):
    """An inverted residual: channels inside and out, kernel, stride, squeeze-and-excitation, activation."""

    inner: int
    outer: int
    kernel: int
    stride: int
    excite: bool
    activation: str


# Table 1 of the article.
BLOCKS = (
    Block(16, 16, 3, 1, False, "relu"),
    Block(64, 24, 3, 2, False, "relu"),
    Block(72, 24, 3, 1, False, "relu"),
    Block(72, 40, 5, 2, True, "relu"),
    Block(120, 40, 5, 1, True, "relu"),
    Block(120, 40, 5, 1, True, "relu"),
    Block(240, 80, 3, 2, False, "hard_swish"),
    Block(200, 80, 3, 1, False, "hard_swish"),
    Block(184, 80, 3, 1, False, "hard_swish"),
    Block(184, 80, 3, 1, False, "hard_swish"),
    Block(480, 112, 3, 1, True, "hard_swish"),
    Block(672, 112, 3, 1, True, "hard_swish"),
    Block(672, 160, 5, 2, True, "hard_swish"),
    Block(960, 160, 5, 1, True, "hard_swish"),
    Block(960, 160, 5, 1, True, "hard_swish"),
)
# torchvision's; Keras' .999 would keep statistics of the first weights over thousands of batches.
MOMENTUM = 0.99


def mobilenet_v3(input_size: int, dropout: float = 0.2) -> keras.Model:
    """Return MobileNetV3-Large under a new verdict on its 960 pooled channels."""
    pixels = keras.Input((input_size, input_size, 3), name="image")
    values = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(pixels)
    values = _convolution(values, layers.Conv2D, "conv", (16, 3, 2), "hard_swish")
    for number, block in enumerate(BLOCKS):
        values = _inverted_residual(values, block, f"expanded_conv_{number}" if number else "expanded_conv")
    values = _convolution(values, layers.Conv2D, "conv_1", (960, 1, 1), "hard_swish")
    values = layers.GlobalAveragePooling2D(name="pool")(values)
    return with_verdict(pixels, layers.Dropout(dropout, name="dropout")(values), "mobilenet_v3")


def _inverted_residual(values: Any, block: Block, name: str) -> Any:
    entering = values
    if name != "expanded_conv":  # the first has as many channels inside as outside
        values = _convolution(values, layers.Conv2D, f"{name}_expand", (block.inner, 1, 1), block.activation)
    depthwise = (block.kernel, block.stride)
    values = _convolution(values, layers.DepthwiseConv2D, f"{name}_depthwise", depthwise, block.activation)
    if block.excite:
        values = _squeeze_and_excite(values, block.inner, f"{name}_squeeze_excite")
    values = _convolution(values, layers.Conv2D, f"{name}_project", (block.outer, 1, 1), None)
    if block.stride == 1 and entering.shape[-1] == block.outer:
        values = layers.Add(name=f"{name}_add")([entering, values])
    return values


def _convolution(values: Any, kind: Any, name: str, shape: tuple[int, ...], activation: str | None) -> Any:
    """Return `values` after a convolution ([channels,] kernel, stride), its batch norm and its activation."""
    values = kind(*shape, padding="same", use_bias=False, name=name)(values)
    values = layers.BatchNormalization(momentum=MOMENTUM, epsilon=1e-3, name=f"{name}_bn")(values)
    return values if activation is None else layers.Activation(activation, name=f"{name}_{activation}")(values)


def _squeeze_and_excite(values: Any, channels: int, name: str) -> Any:
    """Return `values` (n, h, w, channels) with each channel weighed by what all of them hold on average."""
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(values)
    weights = layers.Conv2D(_quarter(channels), 1, activation="relu", name=f"{name}_conv")(weights)
    weights = layers.Conv2D(channels, 1, activation="hard_sigmoid", name=f"{name}_conv_1")(weights)
    return layers.Multiply(name=f"{name}_mul")([values, weights])


def _quarter(channels: int) -> int:
    """Return a quarter of `channels`, as a multiple of 8 that is not below .9 of it."""
    rounded = max(8, (channels // 4 + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels / 4 else rounded
