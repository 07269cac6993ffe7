"""Which layers of a network learn."""

from __future__ import annotations

import keras
from keras import layers

from tasks.params import FauxfaceError
from tasks.training.networks.zoo.statistics import STANDARDISE

RULES = "all, head, head+last_conv, from:<layer name>"
FROM = "from:"
# What a network's features end with; all behind it is the head.
ENDS = (layers.Flatten, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)


def set_trainable(model: keras.Model, rule: str) -> None:
    """Let the layers that `rule` names learn, and no others, whatever was set before; compile the model afterwards.

    `all`; `head`: those behind the last pooling or flattening; `head+last_conv`: the last convolution and all behind
    it as well; `from:<layer name>`: that layer and all that come after it in `model.layers`. Batch normalisation that
    does not learn computes with its stored statistics and keeps them, in training too (so does Keras); `standardise`,
    whose statistics a ridge phase finds, never learns.
    Raises FauxfaceError for another rule, and with the names that there are for a layer that there is not.
    """
    first = _first(model, rule)
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= first and layer.name != STANDARDISE


def _first(model: keras.Model, rule: str) -> int:
    """Return the position in model.layers of the first layer that learns."""
    if rule == "all":
        return 0
    if rule == "head":
        return _last(model, ENDS) + 1
    if rule == "head+last_conv":
        return _last(model, (layers.Conv2D, layers.DepthwiseConv2D))
    if rule.startswith(FROM):
        return _position(model, rule.removeprefix(FROM).strip())
    raise FauxfaceError(f"trainable: {rule!r} is no rule; there are {RULES}.")


def _last(model: keras.Model, kinds: tuple[type, ...]) -> int:
    return max(number for number, layer in enumerate(model.layers) if isinstance(layer, kinds))


def _position(model: keras.Model, name: str) -> int:
    names = [layer.name for layer in model.layers]
    if name not in names:
        known = ", ".join(layer.name for layer in model.layers if layer.weights)
        raise FauxfaceError(f"trainable: {model.name} has no layer {name!r}; those with weights are {known}.")
    return names.index(name)
