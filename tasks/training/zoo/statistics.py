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
WINDOWS = (8, 6, 4, 2)  # eighths of the sides, in the middle


def statistics_of(outputs: Sequence[tuple[str, Any]]) -> Any:
    """Return the mean of every channel of `outputs` (name, (n, h, w, c)) in each of the WINDOWS.

    The layer `statistics` concatenates all `<name>_8` (the whole picture), then all `<name>_6` and so on, (n, 4 c in
    all): a face that was put into a photograph differs from its surroundings. `standardise` takes means away and
    divides by deviations that a ridge phase finds, until which it does next to nothing; what is more than DEVIATIONS
    deviations away counts as that many. All is float32 under any precision of the rest: means that are a hundred
    deviations large are to cancel.
    """
    fields = [(name, _fields(values, name)) for name, values in outputs]
    features = [_mean(values, name, eighths) for eighths in WINDOWS for name, values in fields]
    joined = layers.Concatenate(dtype="float32", name=STATISTICS)(features)
    usual = {"center": False, "scale": False, "epsilon": EPSILON, "trainable": False, "dtype": "float32"}
    centred = layers.BatchNormalization(**usual, name=STANDARDISE)(joined)
    raised = layers.Rescaling(1.0, offset=DEVIATIONS, dtype="float32", name="raise")(centred)
    clipped = layers.ReLU(2 * DEVIATIONS, dtype="float32", name="clip")(raised)
    return layers.Rescaling(1.0, offset=-DEVIATIONS, dtype="float32", name="lower")(clipped)


def _fields(values: Any, name: str) -> Any:
    """Return the means of 8 x 8 fields, from which those of every window follow, where the map divides evenly.

    So a map is read once and need not be kept: a third of the exported network's time.
    """
    height, width = int(values.shape[1]), int(values.shape[2])
    if height % 8 or width % 8:
        return values
    return layers.AveragePooling2D((height // 8, width // 8), name=f"{name}_fields")(values)


def _mean(values: Any, name: str, eighths: int) -> Any:
    """Return the means (n, c) of the middle `eighths` of both sides; of small maps, of what is nearest to it."""
    height, width = (int(side) * (8 - eighths) // 16 for side in values.shape[1:3])
    if height or width:
        values = layers.Cropping2D((height, width), name=f"{name}_{eighths}_window")(values)
    return layers.GlobalAveragePooling2D(dtype="float32", name=f"{name}_{eighths}")(values)
