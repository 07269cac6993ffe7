"""Statistics of every layer as the features of a verdict, in place of the last layer's averages.

What an image was made with is to be seen in the first layers, what it shows in the last; a linear model on all of them
finds more than one on the last alone (Alain and Bengio, 2016, "Understanding intermediate layers using linear
classifier probes"), and does not distort the layers as fine-tuning does (Kumar et al., 2022, "Fine-tuning can distort
pretrained features").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import layers

from tasks.training.ridge import DEVIATIONS, EPSILON

STATISTICS = "statistics"
STANDARDISE = "standardise"
EIGHTHS = 8
WINDOWS = (8, 6, 4, 2)  # eighths of the picture's sides, in the middle


class Seen(NamedTuple):
    """A layer's activated maps (n, h, w, c)."""

    name: str
    maps: Any


def means(layers_seen: Sequence[Seen], windows: Sequence[int] = WINDOWS) -> list[Any]:
    """Return the mean of every channel of the layers in each of the `windows`, a number of arrays (n, channels).

    A face that was put into a photograph differs from its surroundings. Layers whose fields are as many are joined, and
    follow each other in the window's means: a few large means in place of many small ones, which take longer.
    """
    joined: dict[tuple[int, ...], list[Seen]] = {}
    for seen in layers_seen:
        fields = _fields(seen)
        joined.setdefault(fields.shape[1:3], []).append(seen._replace(maps=fields))
    together = [_together(fields) for fields in joined.values()]
    return [_mean(seen, eighths) for eighths in windows for seen in together]


def _together(fields: Sequence[Seen]) -> Seen:
    if len(fields) == 1:
        return fields[0]
    name = f"{fields[0].name}_to_{fields[-1].name}"
    return Seen(name, layers.Concatenate(name=name)([seen.maps for seen in fields]))


def statistics_of(values: Sequence[Any]) -> Any:
    """Return all `values` (n, c) as the features of a verdict.

    The layer `statistics` concatenates them. `standardise` takes means away and divides by deviations that a ridge
    phase finds, until which it does next to nothing; what is more than DEVIATIONS deviations away counts as that many.
    All is float32 under any precision of the rest: means that are a hundred deviations large are to cancel.
    """
    joined = layers.Concatenate(dtype="float32", name=STATISTICS)(values)
    usual = {"center": False, "scale": False, "epsilon": EPSILON, "trainable": False, "dtype": "float32"}
    centred = layers.BatchNormalization(**usual, name=STANDARDISE)(joined)
    raised = layers.Rescaling(1.0, offset=DEVIATIONS, dtype="float32", name="raise")(centred)
    clipped = layers.ReLU(2 * DEVIATIONS, dtype="float32", name="clip")(raised)
    return layers.Rescaling(1.0, offset=-DEVIATIONS, dtype="float32", name="lower")(clipped)


def _fields(seen: Seen) -> Any:
    """Return the means of fields as large as an eighth of the picture, where the maps divide evenly.

    The means of every window follow from them, so a map is read once and need not be kept: a third of the exported
    network's time.
    """
    height, width = int(seen.maps.shape[1]), int(seen.maps.shape[2])
    if height % EIGHTHS or width % EIGHTHS:
        return seen.maps
    sides = (height // EIGHTHS, width // EIGHTHS)
    return layers.AveragePooling2D(sides, name=f"{seen.name}_fields")(seen.maps)


def _mean(seen: Seen, eighths: int) -> Any:
    """Return the means (n, c) of the picture's middle `eighths`; of small maps, of what is nearest to it."""
    values = seen.maps
    height, width = (int(side) * (EIGHTHS - eighths) // (2 * EIGHTHS) for side in values.shape[1:3])
    if height or width:
        values = layers.Cropping2D((height, width), name=f"{seen.name}_{eighths}_window")(values)
    return layers.GlobalAveragePooling2D(dtype="float32", name=f"{seen.name}_{eighths}")(values)
