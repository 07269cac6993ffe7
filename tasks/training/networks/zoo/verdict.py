"""How every network ends: one logit, be it the largest of several, and its sigmoid."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tasks.training.networks.zoo.statistics import takes_statistics

LOGIT = "logit"
HEADS = "heads"
P_FAKE = "p_fake"
MOST_FEATURES = 4096  # of which a covariance can be told; more are maps laid flat


def with_verdict(pixels: Any, features: Any, name: str, heads: int = 1) -> keras.Model:
    """Return the model that ends `features` (n, channels) in one logit, the largest of `heads`, and its sigmoid.

    All are float32 under any precision of the rest: bfloat16 knows no probabilities between .996 and 1.
    """
    if heads == 1:
        logit = layers.Dense(1, dtype="float32", name=LOGIT)(features)
    else:
        logits = layers.Dense(heads, dtype="float32", name=HEADS)(features)
        rows = layers.Reshape((heads, 1), dtype="float32", name=f"{HEADS}_rows")(logits)
        logit = layers.GlobalMaxPooling1D(dtype="float32", name=LOGIT)(rows)
    return keras.Model(pixels, layers.Activation("sigmoid", dtype="float32", name=P_FAKE)(logit), name=name)


def linear_layer(model: keras.Model) -> keras.layers.Dense:
    """Return the layer of the verdict that has its weights: kernel (channels, heads) and bias (heads,)."""
    names = {layer.name for layer in model.layers}
    return model.get_layer(HEADS if HEADS in names else LOGIT)


def logit_model(model: keras.Model) -> keras.Model:
    """Return the same network, sharing its weights, that ends at the logit (n, 1)."""
    return keras.Model(model.input, model.get_layer(LOGIT).output, name=f"{model.name}_logit")


def logit_and_features(model: keras.Model) -> keras.Model:
    """Return the logit's model with a second output: what its linear layer takes, (n, d), of MOST_FEATURES at most.

    Statistics are no such output: with them, and with more features, it is the logit's model alone.
    """
    features = linear_layer(model).input
    if takes_statistics(model) or features.shape[-1] > MOST_FEATURES:
        return logit_model(model)
    return keras.Model(model.input, [model.get_layer(LOGIT).output, features], name=f"{model.name}_logit")


def ends_in_verdict(model: keras.Model) -> bool:
    """Return whether the model gives p_fake, rather than what comes before the logit."""
    return bool(model.layers[-1].name == P_FAKE)
