"""EfficientNet-Lite0 (Tan and Le, 2019, in the form without squeeze-and-excitation that Google published in 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
from keras import layers

from tasks.training.networks.zoo.statistics import Seen, means, statistics_of
from tasks.training.networks.zoo.verdict import with_verdict


class Stage(NamedTuple):
    """Blocks of one kind: how many, kernel, stride of the first, expansion of the channels, channels."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
EPSILON = 1e-3  # of its batch normalisation

BLOCKS = tuple((stage, stage.stride if number == 0 else 1) for stage in STAGES for number in range(stage.repeats))


def lite0(
    input_size: int,
    batch_norm: bool = False,
    dropout: float = 0.2,
    pooling: Literal["average", "statistics"] = "average",
    heads: int = 1,
    blocks: int = len(BLOCKS),
    moments: Sequence[str] = (),
    inner_moments: Sequence[str] = (),
) -> keras.Model:
    """Return EfficientNet-Lite0 under a new verdict: the largest of `heads` logits.

    Without `batch_norm` every convolution has a bias instead, into which weights.py folds the statistics of ImageNet:
    the same function before training, 1.8 times as fast to train on a CPU, and no statistics that drift when the
    batches are small. The verdict is on the 1280 pooled channels, behind `dropout`, or with `pooling: statistics` on
    the means of what the depthwise convolutions' channels give (statistics.py), but for the largest maps, half the
    picture's side, which take most time and tell least. Of the 16 `blocks` the first ones can be kept alone, without
    the last convolution, `head`. With statistics, second moments of the channels are taken as well, of the layers
    `moments` over the whole picture and its inner half, and of `inner_moments` over the latter alone: `b4` is what
    block 4 gives, counted from 0, `b4_dw` what its depthwise convolution does.
    Raises ValueError for arguments outside of this.
    """
    told = pooling == "statistics"
    least = 2 if told else 1  # the first block has no smaller maps
    if pooling not in ("average", "statistics") or not least <= blocks <= len(BLOCKS) or heads < 1:
        raise ValueError(f"pooling is average or statistics, heads from 1 up, blocks from {least} to {len(BLOCKS)}")
    named = [*moments, *inner_moments]
    known = {f"b{number}{layer}" for number in range(blocks) for layer in ("", "_dw")}
    if named and not (told and len({*named}) == len(named) and {*named} <= known):
        raise ValueError(f"moments are, with statistics, of different layers: b0, b0_dw, b1, ... b{blocks - 1}_dw")
    pixels = keras.Input((input_size, input_size, 3), name="image")
    scaled = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescale")(pixels)
    make = _Maker(batch_norm)
    values = make.network(scaled, blocks)
    if told:
        depthwise = [seen for name, seen in make.seen.items() if name.endswith("_dw")]
        smaller = [seen for seen in depthwise if seen.maps.shape[1] <= input_size // 4]
        everywhere, inside = ([make.seen[name] for name in names] for names in (moments, inner_moments))
        return with_verdict(pixels, statistics_of(means(smaller), everywhere, inside), "lite0", heads)
    values = layers.GlobalAveragePooling2D(name="pool")(values)
    return with_verdict(pixels, layers.Dropout(dropout, name="dropout")(values), "lite0", heads)


class _Maker:
    """Makes the layers of one of the two forms."""

    def __init__(self, batch_norm: bool) -> None:
        self.seen: dict[str, Seen] = {}  # what blocks and their depthwise convolutions give
        self._batch_norm = batch_norm
        self._usual = {"padding": "same", "use_bias": not batch_norm}

    def network(self, scaled: Any, blocks: int) -> Any:
        """Return what the first `blocks` make of pictures whose values are about -1 to 1."""
        values = self.convolution(scaled, "stem", 32, 3, 2)
        for number, (stage, stride) in enumerate(BLOCKS[:blocks]):
            name = f"b{number}"
            values = self.block(values, name, stage, stride)
            self.seen[name] = Seen(name, values)
        if blocks == len(BLOCKS):
            values = self.convolution(values, "head", 1280, 1, 1)
        return values

    def block(self, values: Any, name: str, stage: Stage, stride: int) -> Any:
        """Return an inverted residual: expand (`_exp`), depthwise (`_dw`), project (`_proj`), and add if it fits."""
        entering, channels = values, int(values.shape[-1])
        if stage.expansion != 1:
            values = self.convolution(values, f"{name}_exp", channels * stage.expansion, 1, 1)
        # He's initialisation by hand: Keras counts all channels as what enters each of them.
        drawn = keras.initializers.RandomNormal(stddev=2**0.5 / stage.kernel)
        depthwise = layers.DepthwiseConv2D(
            stage.kernel, stride, depthwise_initializer=drawn, name=f"{name}_dw", **self._usual
        )
        values = self._finished(depthwise(values), f"{name}_dw")
        self.seen[f"{name}_dw"] = Seen(f"{name}_dw", values)
        values = self.convolution(values, f"{name}_proj", stage.channels, 1, 1, activated=False)
        if stride == 1 and channels == stage.channels:
            values = layers.Add(name=f"{name}_add")([entering, values])
        return values

    def convolution(
        self, values: Any, name: str, channels: int, kernel: int, stride: int, activated: bool = True
    ) -> Any:
        """Return `values` after a convolution and, if `activated`, ReLU6."""
        layer = layers.Conv2D(channels, kernel, stride, kernel_initializer="he_normal", name=name, **self._usual)
        return self._finished(layer(values), name, activated)

    def _finished(self, values: Any, name: str, activated: bool = True) -> Any:
        values = self._normalised(values, name)
        if activated:
            values = layers.ReLU(6.0, name=f"{name}_act")(values)
        return values

    def _normalised(self, values: Any, name: str) -> Any:
        if not self._batch_norm:
            return values
        return layers.BatchNormalization(momentum=0.9, epsilon=EPSILON, name=f"{name}_bn")(values)
