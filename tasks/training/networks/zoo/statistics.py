"""Statistics of the layers as the features of a verdict, in place of the last layer's averages.

What an image was made with is to be seen in the first layers, what it shows in the last; a linear model on all of them
finds more than one on the last alone (Alain and Bengio, 2016, "Understanding intermediate layers using linear
classifier probes"), and does not distort the layers as fine-tuning does (Kumar et al., 2022, "Fine-tuning can distort
pretrained features"). Which channels are strong together is texture (Gatys et al., 2015, "Texture synthesis using
convolutional neural networks"), by which generated faces are told across generators (Liu et al., 2020, "Global texture
enhancement for fake face detection in the wild").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from tasks.training.networks.weights_lite0 import AXES
from tasks.training.ridge.heads import DEVIATIONS, EPSILON

STATISTICS = "statistics"
STANDARDISE = "standardise"
EIGHTHS = 8
WINDOWS = (8, 6, 4, 2)  # eighths of the picture's sides, in the middle
WHOLE, INNER = 8, 4  # the windows of second moments
MOMENT_AXES = 80  # of layers whose moments are taken of the whole picture: fewer tell less (docs/research-log.md)
INNER_AXES = 64  # of layers whose moments are taken of the inner half alone


class Seen(NamedTuple):
    """A layer's activated maps (n, h, w, c)."""

    name: str
    maps: Any


def means(layers_seen: Sequence[Seen]) -> list[Any]:
    """Return the mean of every channel of the layers in each of the WINDOWS, a number of arrays (n, channels).

    A face that was put into a photograph differs from its surroundings. Layers whose fields are as many are joined, and
    follow each other in the window's means: a few large means in place of many small ones, which take longer.
    """
    joined: dict[tuple[int, ...], list[Seen]] = {}
    for seen in layers_seen:
        fields = _fields(seen)
        joined.setdefault(fields.shape[1:3], []).append(seen._replace(maps=fields))
    together = [_together(fields) for fields in joined.values()]
    return [_mean(seen, eighths) for eighths in WINDOWS for seen in together]


def takes_statistics(model: keras.Model) -> bool:
    """Return whether the network's verdict is on statistics of its layers."""
    return any(layer.name == STATISTICS for layer in model.layers)


def parts(model: keras.Model) -> list[slice]:
    """Return which of the statistics are means, which moments of the whole picture, which of its inner half.

    Without moments all are means.
    """
    sizes = [model.get_layer(STATISTICS).output.shape[-1]]
    for window in (WHOLE, INNER):
        found = [layer for layer in model.layers if layer.name.endswith(f"_{window}_moments")]
        sizes.append(sum(layer.output.shape[-1] for layer in found))
    sizes[0] -= sum(sizes[1:])
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True) if size]


def unaligned(model: keras.Model) -> keras.Model | None:
    """Return the network that gives what `align` takes, the second moments of the maps that are to be turned, or None.

    They are (n, sum of channels^2), from the same weights as `model`'s.
    """
    seen = [Seen(f"{layer.name}_from", layer.input) for layer in _turning(model)]
    if not seen:
        return None
    moments = [_moments(maps, f"{maps.name}_unaligned") for maps in seen]
    return keras.Model(model.input, layers.Concatenate(name="unaligned")(moments) if len(moments) > 1 else moments[0])


def align(model: keras.Model, moments: NDArray[np.float32]) -> None:
    """Let `model` take second moments along the strongest principal axes of `moments` (n, d), those of `unaligned`.

    The axes are eigenvectors of their means. Along them the few strong directions of a layer no longer are part of
    every product, and standardised products of weaker ones count as much; the weakest are left out.
    """
    means = moments.mean(axis=0, dtype=np.float64)
    for layer in _turning(model):
        channels = int(layer.input.shape[-1])
        own, means = np.split(means, [channels**2])
        axes = np.linalg.eigh(own.reshape(channels, channels))[1][:, ::-1]
        layer.set_weights([axes[None, None, :, : layer.filters].astype(np.float32)])


def _turning(model: keras.Model) -> list[keras.layers.Conv2D]:
    return [layer for layer in model.layers if layer.name.endswith(AXES)]


def _second_moments(everywhere: Sequence[Seen], inside: Sequence[Seen]) -> list[Any]:
    """Return correlations and strengths of the layers' channels, arrays (n, channels^2 + channels): see _correlations.

    Those of the whole picture come first. The channels are those along the at most MOMENT_AXES or INNER_AXES axes that
    `align` finds (layers `..._axes`), until which they are the first ones. Of the layers `inside` only the inner half
    is turned.
    """
    turned = [_along_axes(seen, MOMENT_AXES) for seen in everywhere]
    halves = [seen._replace(maps=_window(seen, INNER, f"{seen.name}_inner")) for seen in inside]
    return [
        *(_correlations(seen, f"{seen.name}_{WHOLE}") for seen in turned),
        *(_correlations(_inner(seen), f"{seen.name}_{INNER}") for seen in turned),
        *(_correlations(_along_axes(seen, INNER_AXES), f"{seen.name}_{INNER}") for seen in halves),
    ]


def _inner(seen: Seen) -> Seen:
    return seen._replace(maps=_window(seen, INNER, f"{seen.name}_{INNER}_moments_window"))


def _along_axes(seen: Seen, most: int) -> Seen:
    channels = int(seen.maps.shape[-1])
    turn = layers.Conv2D(min(channels, most), 1, use_bias=False, name=f"{seen.name}{AXES}")
    values = turn(seen.maps)
    turn.set_weights([np.eye(channels, turn.filters, dtype=np.float32)[None, None]])
    return seen._replace(maps=values)


def _correlations(seen: Seen, name: str) -> Any:
    """Return the mean products of every two of the maps' channels, in relation to both strengths, and the strengths.

    A strength is the mean square of a channel. What makes all of a layer stronger, as contrast does, changes strengths
    alone: from it photographs of another source suffer less (docs/research-log.md).
    """
    squares = layers.Multiply(name=f"{name}_squares")([seen.maps, seen.maps])
    strengths = layers.GlobalAveragePooling2D(dtype="float32", name=f"{name}_strengths")(squares)
    products = _products(seen, name, normalize=True)
    return layers.Concatenate(dtype="float32", name=f"{name}_moments")([products, strengths])


def _moments(seen: Seen, name: str) -> Any:
    """Return the mean products of the maps' channels, (n, channels^2)."""
    fields = int(seen.maps.shape[1]) * int(seen.maps.shape[2])
    flat = _products(seen, name, normalize=False)
    return layers.Rescaling(1 / fields, dtype="float32", name=f"{name}_moments")(flat)


def _products(seen: Seen, name: str, normalize: bool) -> Any:
    """Return the products of every two of the maps' channels, (n, channels^2): sums, or cosines if to `normalize`."""
    fields, channels = int(seen.maps.shape[1]) * int(seen.maps.shape[2]), int(seen.maps.shape[3])
    values = layers.Reshape((fields, channels), name=f"{name}_rows")(seen.maps)
    products = layers.Dot(axes=1, normalize=normalize, dtype="float32", name=f"{name}_products")([values, values])
    return layers.Flatten(dtype="float32", name=f"{name}_flat")(products)


def _together(fields: Sequence[Seen]) -> Seen:
    if len(fields) == 1:
        return fields[0]
    name = f"{fields[0].name}_to_{fields[-1].name}"
    return Seen(name, layers.Concatenate(name=name)([seen.maps for seen in fields]))


def statistics_of(values: Sequence[Any], everywhere: Sequence[Seen] = (), inside: Sequence[Seen] = ()) -> Any:
    """Return all `values` (n, c) as the features of a verdict, and second moments behind them (see `parts`).

    Those are of the layers `everywhere` over the picture and its inner half, and of the layers `inside` over the
    latter alone. The layer `statistics` concatenates them. `standardise` takes means away and divides by deviations
    that a ridge phase finds, until which it does next to nothing; what is more than DEVIATIONS deviations away counts
    as that many. All is float32 under any precision of the rest: means that are a hundred deviations large are to
    cancel.
    """
    joined = layers.Concatenate(dtype="float32", name=STATISTICS)([*values, *_second_moments(everywhere, inside)])
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
    values = _window(seen, eighths, f"{seen.name}_{eighths}_window")
    return layers.GlobalAveragePooling2D(dtype="float32", name=f"{seen.name}_{eighths}")(values)


def _window(seen: Seen, eighths: int, name: str) -> Any:
    """Return the maps' middle `eighths`, cut out by the layer `name`."""
    height, width = (int(side) * (EIGHTHS - eighths) // (2 * EIGHTHS) for side in seen.maps.shape[1:3])
    return layers.Cropping2D((height, width), name=name)(seen.maps) if height or width else seen.maps
