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

from tasks.training.ridge import DEVIATIONS, EPSILON

STATISTICS = "statistics"
STANDARDISE = "standardise"


def statistics_of(outputs: Sequence[tuple[str, Any]]) -> Any:
    """Return the mean of every channel of `outputs` (name, (n, h, w, c)) over the picture and over its inner half.

    The layer `statistics` concatenates all `<name>_mean` and then all `<name>_inner`, (n, 2 c in all): a face that was
    put into a photograph differs from its surroundings. `standardise` takes means away and divides by deviations that a
    ridge phase finds, until which it does next to nothing; what is more than DEVIATIONS deviations away counts as that
    many. All is float32 under any precision of the rest: means that are a hundred deviations large are to cancel.
    """
    features = [_mean(values, f"{name}_mean") for name, values in outputs]
    features += [_mean(_inner(values, name), f"{name}_inner") for name, values in outputs]
    joined = layers.Concatenate(dtype="float32", name=STATISTICS)(features)
    usual = {"center": False, "scale": False, "epsilon": EPSILON, "trainable": False, "dtype": "float32"}
    centred = layers.BatchNormalization(**usual, name=STANDARDISE)(joined)
    raised = layers.Rescaling(1.0, offset=DEVIATIONS, dtype="float32", name="raise")(centred)
    clipped = layers.ReLU(2 * DEVIATIONS, dtype="float32", name="clip")(raised)
    return layers.Rescaling(1.0, offset=-DEVIATIONS, dtype="float32", name="lower")(clipped)


def _mean(values: Any, name: str) -> Any:
    return layers.GlobalAveragePooling2D(dtype="float32", name=name)(values)


def _inner(values: Any, name: str) -> Any:
    """Return the middle half of both sides; of maps under 4 pixels, all."""
    height, width = int(values.shape[1]), int(values.shape[2])
    return layers.Cropping2D((height // 4, width // 4), name=f"{name}_middle")(values)
