"""Weights averaged over the steps of a training (`optimizer_arguments: {use_ema: true, ema_momentum: .99}`).

Keras keeps the averages but validates, and lets callbacks save, the weights of the last step. Here the averages are
what is validated and kept, by plain copies, so that a resumed training ends where an unbroken one does.
"""

# ruff: noqa: ARG002 (Keras passes these arguments by name)

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Arrays = list[NDArray[Any]]


def averaged_weights(model: keras.Model) -> Arrays:
    """Return the model's weights as `get_weights` does, with averages where its optimizer keeps them."""
    averages = {id(variable): average for variable, average in _pairs(model)}
    return [keras.ops.convert_to_numpy(averages.get(id(variable), variable)) for variable in model.weights]


class UseAverages(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Validate with the averaged weights; the training goes on from those of its last step."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        pairs = _pairs(self.model)
        self._last: Arrays = [np.array(keras.ops.convert_to_numpy(variable)) for variable, _ in pairs]
        for variable, average in pairs:
            variable.assign(average)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        for (variable, _), value in zip(_pairs(self.model), self._last, strict=True):
            variable.assign(value)


def _pairs(model: keras.Model) -> list[tuple[Any, Any]]:
    """Return each trainable weight with its average; none where the optimizer keeps no averages."""
    averages = getattr(model.optimizer, "_model_variables_moving_average", None) or []
    return list(zip(model.trainable_variables, averages, strict=True)) if averages else []
