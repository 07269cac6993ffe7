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
    """How far a training has come; epochs are counted through all phases, phases from 0."""

    phase: int = 0
    # Epochs before the phase, and altogether.
    began: int = 0
    epochs: int = 0
    # Of the phase: the epoch whose weights are the best, its figure (None before the first), and the weights.
    best_epoch: int = 0
    best_value: float | None = None
    best: Arrays = field(default_factory=list)
    # Seconds spent in epochs and faces seen in them so far, over all attempts.
    seconds: float = 0.0
    faces: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    # Attributes of the callbacks that decide when to slow down and when to stop.
    callbacks: list[dict[str, float | None]] = field(default_factory=list)

    def begin_next_phase(self) -> None:
        """Forget what belongs to the phase that ends."""
        self.phase += 1
        self.began = self.epochs
        self.best_value = None
        self.callbacks = []


@dataclass(frozen=True)
class Saved:
    """A state as it was read: the progress, and the values of a model and its optimizer."""

    progress: Progress
    variables: Arrays
    optimizer: Arrays

    def put_into(self, model: keras.Model) -> None:
        """Give the values to `model`, which is compiled as it was when they were saved."""
        for variables, values in ((model.variables, self.variables), (_optimizers(model), self.optimizer)):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


class TrainingState:
    """The state file of one training; a state that belongs to other data, settings or code is ignored."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder = folder
        self._fingerprint = fingerprint

    def save(self, model: keras.Model, progress: Progress) -> None:
        """Write the model's variables (weights, states of random layers), its optimizer's, and `progress`."""
        arrays = {
            **_numbered("variable", _values(model.variables)),
            **_numbered("optimizer", _values(_optimizers(model))),
            **_numbered("best", progress.best),
        }
        figures = {name: value for name, value in vars(progress).items() if name != "best"}
        about = json.dumps({"fingerprint": self._fingerprint, "progress": figures})
        with atomic_write(self._folder / STATE) as temp, temp.open("wb") as stream:
            np.savez(stream, allow_pickle=False, about=np.array(about), **arrays)

    def read(self, model: keras.Model) -> Saved | None:
        """Return the saved state of this training of `model`; None when there is none to use."""
        path = self._folder / STATE
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as saved:
                about = json.loads(str(saved["about"]))
                arrays = {name: saved[name] for name in saved.files if name != "about"}
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):  # an empty file is EOFError
            return None
        variables, optimizer, best = (_in_order(kind, arrays) for kind in ("variable", "optimizer", "best"))
        if about.get("fingerprint") != self._fingerprint or not _fits(model, variables):
            return None
        return Saved(Progress(**about["progress"], best=best), variables, optimizer)

    def remove(self) -> None:
        """Remove the state: the training is complete."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _optimizers(model: keras.Model) -> list[Any]:
    """Return everything of the model's optimizer: moments, iterations, rate."""
    model.optimizer.build(model.trainable_variables)
    return list(model.optimizer.variables)


def _values(variables: Sequence[Any]) -> Arrays:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def _fits(model: keras.Model, values: Sequence[NDArray[Any]]) -> bool:
    return [tuple(variable.shape) for variable in model.variables] == [value.shape for value in values]


def _numbered(kind: str, arrays: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{kind}_{number:05d}": array for number, array in enumerate(arrays)}


def _in_order(kind: str, arrays: dict[str, NDArray[Any]]) -> Arrays:
    return [arrays[name] for name in sorted(arrays) if name.startswith(f"{kind}_")]
