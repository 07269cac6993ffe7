"""A network of the zoo run layer by layer, and gradients of its logit, on whichever backend Keras has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from tasks.training.networks.zoo import LOGIT, linear_layer, logit_model

Values = NDArray[np.float32]
MAP_RANK = 4  # (n, height, width, channels)
RECTIFIED = (keras.activations.relu, keras.activations.relu6)


class Network:
    """A network by its layers, in the order of their computation, from the picture to the logit."""

    def __init__(self, model: keras.Model) -> None:
        """Take a network that gives p_fake."""
        self.model = logit_model(model)
        self._layers = [layer for layer in self.model.layers if not isinstance(layer, layers.InputLayer)]

    @property
    def convolutions(self) -> list[str]:
        """The convolutions whose maps reach the logit, from the first to the last."""
        kinds = (layers.Conv2D, layers.DepthwiseConv2D)
        return [layer.name for layer in self._layers if isinstance(layer, kinds) and _side(layer) > 1]

    @property
    def pooled(self) -> str | None:
        """The layer whose maps' means the verdict is on, if it is on nothing else."""
        values = linear_layer(self.model).input
        for layer in reversed(self._layers):
            if layer.output is values and isinstance(layer, (layers.Dropout, layers.GlobalAveragePooling2D)):
                values = layer.input
            elif layer.output is values:
                return str(layer.name) if len(values.shape) == MAP_RANK else None
        return None

    def activated(self, name: str) -> str:
        """Return the layer that gives the maps of the convolution `name` as later ones see them, rectified."""
        after = (layers.BatchNormalization, layers.ReLU, layers.Activation, layers.PReLU)
        output = self.model.get_layer(name).output
        while True:
            following = [each for each in self._layers if any(taken is output for taken in _inputs(each))]
            if len(following) != 1 or not isinstance(following[0], after):
                return name
            name, output = following[0].name, following[0].output

    def logits(self, pixels: Any, added: Mapping[str, Any] | None = None, guided: bool = False) -> Any:
        """Return the logits (n,) of pictures (n, side, side, 3), tensors.

        `added` to what these layers give: gradients with respect to it are those of their maps. `guided`: what a
        rectifier cuts, and what speaks against, has no gradient.
        """
        return self._run(pixels, added or {}, (), guided)[LOGIT]

    def maps(self, pixels: Values, names: Collection[str]) -> dict[str, Values]:
        """Return what layers give for pictures, (n, h, w, channels) each."""
        found = self._run(ops.convert_to_tensor(pixels), {}, names, guided=False)
        return {name: np.asarray(ops.convert_to_numpy(found[name]), np.float32) for name in names}

    def _run(self, pixels: Any, added: Mapping[str, Any], kept: Collection[str], guided: bool) -> dict[str, Any]:
        """Return what the layers `kept` give, and the logits under the name of their layer."""
        values = {id(self.model.inputs[0]): pixels}
        found: dict[str, Any] = {}
        for layer in self._layers:
            taken = [values[id(each)] for each in _inputs(layer)]
            given = _call(layer, taken if isinstance(layer.input, list) else taken[0], guided)
            if layer.name in added:
                given = given + added[layer.name]
            values[id(layer.output)] = given
            if layer.name in kept:
                found[layer.name] = given
        return {**found, LOGIT: ops.reshape(given, (-1,))}


def gradient(function: Callable[[Any], Any], at: Values) -> Values:
    """Return the gradient of the sum of what `function` gives with respect to its argument, like `at`."""
    name = keras.backend.backend()
    if name == "tensorflow":
        return _by_tensorflow(function, at)
    if name == "torch":
        return _by_torch(function, at)
    return _by_jax(function, at)


def _by_tensorflow(function: Callable[[Any], Any], at: Values) -> Values:
    import tensorflow as tf

    value = tf.convert_to_tensor(at)
    with tf.GradientTape() as tape:
        tape.watch(value)
        total = tf.reduce_sum(function(value))
    return np.asarray(tape.gradient(total, value, unconnected_gradients="zero"), np.float32)


def _by_torch(function: Callable[[Any], Any], at: Values) -> Values:
    value = ops.convert_to_tensor(at).requires_grad_(True)
    function(value).sum().backward()
    return np.zeros_like(at) if value.grad is None else np.asarray(ops.convert_to_numpy(value.grad), np.float32)


def _by_jax(function: Callable[[Any], Any], at: Values) -> Values:
    import jax

    return np.asarray(jax.grad(lambda value: function(value).sum())(ops.convert_to_tensor(at)), np.float32)


def _call(layer: layers.Layer, taken: Any, guided: bool) -> Any:
    """Return what a layer gives as in a prediction, its rectifier with guided gradients if `guided`."""
    if guided and isinstance(layer, layers.ReLU):
        return _guided(taken, layer.max_value)
    plain = getattr(layer, "activation", None)
    if not guided or plain not in RECTIFIED:
        return layer(taken, training=False)
    layer.activation = keras.activations.linear
    try:
        return _guided(layer(taken, training=False), 6.0 if plain is keras.activations.relu6 else None)
    finally:
        layer.activation = plain


def _guided(values: Any, most: float | None) -> Any:
    """Return the rectified values; their gradient is cut to what is above 0 as well (Springenberg et al., 2015)."""

    def rectified(values: Any) -> Any:
        def grad(*arguments: Any, upstream: Any = None) -> Any:
            coming = arguments[0] if upstream is None else upstream
            passed = ops.logical_and(values > 0, values < most) if most is not None else values > 0
            return ops.where(ops.logical_and(passed, coming > 0), coming, ops.zeros_like(coming))

        return ops.clip(values, 0.0, most) if most is not None else ops.relu(values), grad

    return ops.custom_gradient(rectified)(values)


def rectifies(network: Network) -> bool:
    """Return whether a network has rectifiers, without which guided gradients are no others."""
    kinds = [
        isinstance(layer, layers.ReLU) or getattr(layer, "activation", None) in RECTIFIED
        for layer in network.model.layers
    ]
    return any(kinds)


def _inputs(layer: layers.Layer) -> list[Any]:
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _side(layer: layers.Layer) -> int:
    return int(min(layer.output.shape[1:3]))
