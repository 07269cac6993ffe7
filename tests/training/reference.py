"""Layers written out in NumPy, and networks made of them from PyTorch's tensors, to compare the zoo with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]
# images (n, c, h, w), kernel (out, in, h, w), stride: a convolution without padding; `in` is 1 for a depthwise one
Convolve = Callable[[Array, Array, int], Array]

# Of the depthwise convolution in each block of EfficientNet-Lite0.
LITE0_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)


def convolve(images: Array, kernel: Array, stride: int) -> Array:
    windows = sliding_window_view(images, kernel.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    if kernel.shape[1] == 1 and images.shape[1] > 1:
        return np.asarray(np.einsum("nchwij,cij->nchw", windows, kernel[:, 0]))
    return np.asarray(np.einsum("nchwij,ocij->nohw", windows, kernel, optimize=True))


def normalised(values: Array, tensors: Mapping[str, Array], name: str, epsilon: float) -> Array:
    gamma, beta, mean, variance = (
        tensors[f"{name}.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
    )
    return np.asarray((values - mean) / np.sqrt(variance + epsilon) * gamma + beta)


def resnet18_features(images: Array, tensors: Mapping[str, Array], convolve: Convolve = convolve) -> Array:
    """What torchvision's resnet18 pools, (n, 512), of RGB images (n, h, w, 3) 0..255."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    values = ((images / 255 - mean) / deviation).astype(np.float32).transpose(0, 3, 1, 2)

    def unit(values: Array, conv: str, norm: str, stride: int) -> Array:
        kernel = tensors[f"{conv}.weight"]
        sides = [kernel.shape[2] // 2] * 2
        padded = np.pad(values, [(0, 0), (0, 0), sides, sides])
        return normalised(convolve(padded, kernel, stride), tensors, norm, 1e-5)

    values = np.maximum(unit(values, "conv1", "bn1", 2), 0)
    padded = np.pad(values, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=-np.inf)
    values = sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2].max(axis=(4, 5))
    for name, stride in [(f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1) for stage, block in _eight()]:
        kept = unit(values, f"{name}.downsample.0", f"{name}.downsample.1", stride) if stride == 2 else values
        inner = np.maximum(unit(values, f"{name}.conv1", f"{name}.bn1", stride), 0)
        values = np.maximum(unit(inner, f"{name}.conv2", f"{name}.bn2", 1) + kept, 0)
    return np.asarray(values.mean(axis=(2, 3)))


def _eight() -> Iterator[tuple[int, int]]:
    return ((stage, block) for stage in (1, 2, 3, 4) for block in (0, 1))


def lite0_features(images: Array, tensors: Mapping[str, Array], convolve: Convolve = convolve) -> Array:
    """What EfficientNet-Lite0 pools, (n, 1280), of RGB images (n, h, w, 3) 0..255."""
    values = ((images - 127) / 128).astype(np.float32).transpose(0, 3, 1, 2)

    def unit(values: Array, conv: str, norm: str, stride: int = 1) -> Array:
        kernel = tensors[f"{conv}.weight"]
        sides = [_same(side, kernel.shape[2], stride) for side in values.shape[2:]]
        padded = np.pad(values, [(0, 0), (0, 0), *sides])
        return normalised(convolve(padded, kernel, stride), tensors, norm, 1e-3)

    relu6 = partial(np.clip, a_min=0, a_max=6)
    values = relu6(unit(values, "_conv_stem", "_bn0", 2))
    for number, stride in enumerate(LITE0_STRIDES):
        name, entering = f"_blocks.{number}", values
        if number:
            values = relu6(unit(values, f"{name}._expand_conv", f"{name}._bn0"))
        values = relu6(unit(values, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        values = unit(values, f"{name}._project_conv", f"{name}._bn2")
        values = values + entering if values.shape == entering.shape else values
    return np.asarray(relu6(unit(values, "_conv_head", "_bn1")).mean(axis=(2, 3)))


def _same(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's `same` padding: the odd pixel goes to the end."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def resnet18_tensors(random: np.random.Generator) -> dict[str, Array]:
    """Random tensors under torchvision's names, shapes and all, such that values stay of a size."""
    tensors: dict[str, Array] = {}

    def unit(conv: str, norm: str, outer: int, inner: int, kernel: int) -> None:
        scale = (2 / (inner * kernel**2)) ** 0.5
        tensors[f"{conv}.weight"] = random.normal(0, scale, (outer, inner, kernel, kernel)).astype(np.float32)
        for part, low, high in (("weight", 0.5, 1), ("bias", -0.5, 0.5), ("running_mean", -0.5, 0.5)):
            tensors[f"{norm}.{part}"] = random.uniform(low, high, outer).astype(np.float32)
        tensors[f"{norm}.running_var"] = random.uniform(0.5, 2, outer).astype(np.float32)
        tensors[f"{norm}.num_batches_tracked"] = np.array(7, np.int64)

    unit("conv1", "bn1", 64, 3, 7)
    for stage, block in _eight():
        name, outer = f"layer{stage}.{block}", 32 * 2**stage
        inner = outer // 2 if stage > 1 and block == 0 else outer
        unit(f"{name}.conv1", f"{name}.bn1", outer, inner, 3)
        unit(f"{name}.conv2", f"{name}.bn2", outer, outer, 3)
        if inner != outer:
            unit(f"{name}.downsample.0", f"{name}.downsample.1", outer, inner, 1)
    tensors["fc.weight"] = random.normal(0, 1, (1000, 512)).astype(np.float32)
    tensors["fc.bias"] = np.zeros(1000, np.float32)
    return tensors
