"""What a training needs to go on after a kill: one file, written whole after every epoch."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.params.files import atomic_write

STATE = "state.npz"

Arrays = list[NDArray[Any]]


@dataclass
class Progress:
    """How far a training has come."""

    epochs: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    # Seconds spent in epochs so far, over all attempts.
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    # Attributes of the callbacks that decide when to slow down and when to stop.
    callbacks: list[dict[str, float | None]] = field(default_factory=list)
    best: Arrays = field(default_factory=list)


class TrainingState:
    """The state file of one training; a state that belongs to other data, settings or code is ignored."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder = folder
        self._fingerprint = fingerprint

    def save(self, model: keras.Model, progress: Progress) -> None:
        """Write the model's variables, its optimizer's, and `progress`."""
        arrays = {
            **_numbered("variable", [keras.ops.convert_to_numpy(value) for value in _variables(model)]),
            **_numbered("best", progress.best),
        }
        figures = {name: value for name, value in vars(progress).items() if name != "best"}
        about = json.dumps({"fingerprint": self._fingerprint, "progress": figures})
        with atomic_write(self._folder / STATE) as temp, temp.open("wb") as stream:
            np.savez(stream, allow_pickle=False, about=np.array(about), **arrays)

    def restore(self, model: keras.Model) -> Progress:
        """Put the saved state into `model` and return how far it was; a fresh Progress when there is none to use."""
        path = self._folder / STATE
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as saved:
                about = json.loads(str(saved["about"]))
                arrays = {name: saved[name] for name in saved.files if name != "about"}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return Progress()
        values, best = _in_order("variable", arrays), _in_order("best", arrays)
        if about.get("fingerprint") != self._fingerprint or not _fits(model, values):
            return Progress()
        for variable, value in zip(_variables(model), values, strict=True):
            variable.assign(value)
        return Progress(**about["progress"], best=best)

    def remove(self) -> None:
        """Remove the state: the training is complete."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _variables(model: keras.Model) -> list[Any]:
    """Return weights, states of random layers, and everything of the optimizer (moments, iterations, rate)."""
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _fits(model: keras.Model, values: Sequence[NDArray[Any]]) -> bool:
    return [tuple(variable.shape) for variable in _variables(model)] == [value.shape for value in values]


def _numbered(kind: str, arrays: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{kind}_{number:05d}": array for number, array in enumerate(arrays)}


def _in_order(kind: str, arrays: dict[str, NDArray[Any]]) -> Arrays:
    return [arrays[name] for name in sorted(arrays) if name.startswith(f"{kind}_")]
