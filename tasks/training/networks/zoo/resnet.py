"""Residual networks (He et al., 2016, "Deep residual learning for image recognition"), 18 and 50 layers."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tasks.training.networks.zoo.verdict import with_verdict

# Of the ImageNet photographs, R, G, B: what the published weights expect to be normalised with.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
# The same mean of 0..255 as Caffe's networks take it away; Keras' ResNet50 was converted from there.
CAFFE_MEAN = (123.68, 116.779, 103.939)
STAGES = ((1, 64, 1), (2, 128, 2), (3, 256, 2), (4, 512, 2))  # number, channels, stride of the first block


def resnet18(input_size: int) -> keras.Model:
    """Return ResNet18 in the layout of torchvision, so that its weights give its outputs; two basic blocks a stage."""
    pixels = keras.Input((input_size, input_size, 3), name="image")
    scale = [1 / (255 * deviation) for deviation in DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
    values = layers.Rescaling(scale, offset=offset, name="normalise")(pixels)
    values = _relu(_normalised(values, 64, 7, 2, "conv1", "bn1"), "relu1")
    # Padding with zeros is padding with minus infinity here: nothing behind a ReLU is smaller.
    values = layers.ZeroPadding2D(1, name="maxpool_pad")(values)
    values = layers.MaxPooling2D(3, 2, name="maxpool")(values)
    for number, channels, stride in STAGES:
        values = _basic_block(values, channels, stride, f"layer{number}_0")
        values = _basic_block(values, channels, 1, f"layer{number}_1")
    return with_verdict(pixels, layers.GlobalAveragePooling2D(name="pool")(values), "resnet18")


def resnet50(input_size: int) -> keras.Model:
    """Return Keras' ResNet50 under a new verdict.

    Keras' weights expect B, G, R; here the order stays R, G, B and the first kernel is turned round when they are
    loaded, which computes the same without a layer.
    """
    pixels = keras.Input((input_size, input_size, 3), name="image")
    values = layers.Rescaling(1.0, offset=[-mean for mean in CAFFE_MEAN], name="normalise")(pixels)
    backbone = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=values)
    return with_verdict(pixels, layers.GlobalAveragePooling2D(name="pool")(backbone.output), "resnet50")


def _basic_block(values: Any, channels: int, stride: int, name: str) -> Any:
    """Return two 3 x 3 convolutions and the shortcut around them, which is a 1 x 1 one where the shape changes."""
    shortcut = values
    if stride != 1:
        shortcut = _normalised(values, channels, 1, stride, f"{name}_downsample_0", f"{name}_downsample_1")
    values = _relu(_normalised(values, channels, 3, stride, f"{name}_conv1", f"{name}_bn1"), f"{name}_relu1")
    values = _normalised(values, channels, 3, 1, f"{name}_conv2", f"{name}_bn2")
    return _relu(layers.Add(name=f"{name}_add")([values, shortcut]), f"{name}_relu2")


def _normalised(values: Any, channels: int, kernel: int, stride: int, name: str, norm: str) -> Any:
    # `same` would pad a stride of 2 at the right and bottom only, PyTorch does on all sides.
    if kernel > 1:
        values = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(values)
    convolution = layers.Conv2D(channels, kernel, stride, use_bias=False, kernel_initializer="he_normal", name=name)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=norm)(convolution(values))


def _relu(values: Any, name: str) -> Any:
    return layers.ReLU(name=name)(values)
