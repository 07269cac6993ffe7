"""Statistics of every layer as the features of a verdict, in place of the last layer's averages.

What an image was made with is to be seen in the first layers, what it shows in the last; a linear model on all of them
finds more than one on the last alone (Alain and Bengio, 2016, "Understanding intermediate layers using linear
classifier probes"), and does not distort the layers as fine-tuning does (Kumar et al., 2022, "Fine-tuning can distort
pretrained features").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers

from tasks.training.ridge import EPSILON

STATISTICS = "statistics"
STANDARDISE = "standardise"


def statistics_of(outputs: Sequence[tuple[str, Any]]) -> Any:
    """Return mean and mean square over the picture of every channel of `outputs` (name, (n, h, w, c)), standardised.

    The layer `statistics` concatenates them, (n, d), as `<name>_mean` and `<name>_square` one after the other;
    `standardise` takes means away and divides by deviations that a ridge phase finds, until which it does next to
    nothing. All is float32 under any precision of the rest: means that are a hundred deviations large are to cancel.
    """
    found = []
    for name, values in outputs:
        squares = layers.Multiply(dtype="float32", name=f"{name}_squares")([values, values])
        found.append(layers.GlobalAveragePooling2D(dtype="float32", name=f"{name}_mean")(values))
        found.append(layers.GlobalAveragePooling2D(dtype="float32", name=f"{name}_square")(squares))
    features = layers.Concatenate(dtype="float32", name=STATISTICS)(found)
    usual = {"center": False, "scale": False, "epsilon": EPSILON, "trainable": False, "dtype": "float32"}
    return layers.BatchNormalization(**usual, name=STANDARDISE)(features)
