"""Networks whose weights are shuffled from the top down: what a map must not look the same for (Adebayo et al., 2018).

A weight's values stay, in another order: so the network computes numbers of the usual size, which mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from openvino import opset13

from tasks.inference import openvino

if TYPE_CHECKING:
    import keras

WEIGHED = {"Convolution", "GroupConvolution", "MatMul"}
LAID_OUT = {"Convert", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}


def shuffled_scorer(scorer: Path, share: float, out: Path) -> int:
    """Write scorer.xml to `out` with the weights of its last `share` of layers shuffled; returns how many these are."""
    graph = openvino.Core().read_model(scorer)
    rng = np.random.default_rng(0)
    weights = [found for node in reversed(graph.get_ordered_ops()) for found in _weights(node)]
    chosen = weights[: _count(len(weights), share)]
    for constant in chosen:
        new = opset13.constant(_shuffled(constant.data, rng)).output(0)
        for taking in constant.output(0).get_target_inputs():
            taking.replace_source_output(new)
    openvino.serialize(graph, out)
    return len(chosen)


@contextmanager
def shuffled_layers(network: keras.Model, share: float) -> Iterator[int]:
    """Let the last `share` of a Keras network's layers have shuffled weights meanwhile; yields how many these are."""
    rng = np.random.default_rng(0)
    kernels = [
        weight
        for layer in reversed(network.layers)
        for weight in layer.weights
        if len(weight.shape) > 1 and "kernel" in weight.name
    ]
    chosen = kernels[: _count(len(kernels), share)]
    before = [np.asarray(weight.numpy() if hasattr(weight, "numpy") else weight) for weight in chosen]
    try:
        for weight, values in zip(chosen, before, strict=True):
            weight.assign(_shuffled(values, rng))
        yield len(chosen)
    finally:
        for weight, values in zip(chosen, before, strict=True):
            weight.assign(values)


def _count(layers: int, share: float) -> int:
    return max(1, round(layers * share))


def _shuffled(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    return np.asarray(rng.permutation(values.reshape(-1)).reshape(values.shape), np.float32)


def _weights(node: openvino.Node) -> Iterator[openvino.Node]:
    """Yield the constant that a layer multiplies by, unless that takes a mean, which was not learnt."""
    if node.get_type_name() not in WEIGHED:
        return
    for value in node.input_values():
        source = value.get_node()
        while source.get_type_name() in LAID_OUT:
            source = source.input_value(0).get_node()
        if source.get_type_name() == "Constant" and not _takes_means(source.data):
            yield source


def _takes_means(weights: NDArray[np.float32]) -> bool:
    return bool((weights >= 0).all() and np.allclose(weights.sum(axis=-1), 1, atol=1e-3))
