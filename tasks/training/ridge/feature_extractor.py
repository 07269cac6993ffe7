"""What a network gives for faces while none of its weights change; on a CPU computed by OpenVINO, which is faster."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.scoring.card import SCORER
from tasks.scoring.classifier import Scorer
from tasks.training.artefact.export import export_scorer
from tasks.training.batches.loader import FaceBatches
from tasks.training.fitting.backend import device
from tasks.training.fitting.parallel import devices_in_use, spread
from tasks.training.networks.network_file import write_network

Outputs = NDArray[np.float32]
Seen = Callable[[int], None]


class Frozen:
    """Gives the outputs (n, channels) float32 of `model` for faces: `seen`, if given, is told each batch's number.

    OpenVINO computes them where Keras would on a CPU at f32; on other devices Keras does, in its own precision.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        exact = {layer.compute_dtype for layer in model.layers} == {"float32"}
        on_cpu = device().endswith("cpu") and devices_in_use() == 1
        self._scorer = _scorer(model) if on_cpu and exact else None

    @property
    def channels(self) -> int:
        """How many outputs a face has."""
        return int(self._model.output_shape[-1])

    def __call__(self, batches: FaceBatches, seen: Seen | None = None, into: Outputs | None = None) -> Outputs:
        """Return the outputs of all faces, in their order: written to `into`, where that is given."""
        found, filled = np.empty((len(batches.labels), self.channels), np.float32) if into is None else into, 0
        for number, outputs in enumerate(self.by_batch(batches)):
            found[filled : filled + len(outputs)] = outputs
            filled += len(outputs)
            if seen:
                seen(number)
        return found

    def by_batch(self, batches: FaceBatches) -> Iterator[Outputs]:
        """Yield the outputs of each batch's faces, (faces, channels)."""
        return self._by_keras(batches) if self._scorer is None else by_openvino(self._scorer, batches)

    def _by_keras(self, batches: FaceBatches) -> Iterator[Outputs]:
        shared = spread(batches)
        for number in range(len(batches)):
            yield self._model.predict_on_batch(shared[number][0])[: len(batches[number][1])]


def _scorer(model: keras.Model) -> Scorer:
    with tempfile.TemporaryDirectory(prefix="fauxface-frozen-") as folder:
        write_network(keras.Model(model.input, model.output), Path(folder))  # without loss and optimizer
        export_scorer(Path(folder))
        return Scorer(Path(folder) / SCORER, int(model.input_shape[1]))


def by_openvino(scorer: Scorer, batches: FaceBatches) -> Iterator[Outputs]:
    """Yield the outputs of each batch; while one is computed the next is read."""
    begun = scorer.begin(())
    for number in range(len(batches) + 1):
        following = scorer.begin(batches[number][0] if number < len(batches) else ())
        if number:
            yield np.stack(list(begun))
        begun = following
