"""The callbacks of a training beside Keras' own: epochs told to the data, best weights, NaN, history, progress."""

# ruff: noqa: ARG002 (Keras passes these arguments by name)

from __future__ import annotations

import csv
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

from tasks.params import FauxfaceError
from tasks.params.files import atomic_write
from tasks.training.batches.loader import FaceBatches
from tasks.training.fitting.averages import averaged_weights
from tasks.training.fitting.state import Progress, TrainingState

Logs = dict[str, Any] | None

# What Keras' callbacks remember from epoch to epoch.
REMEMBERED = ("best", "wait", "best_epoch", "stopped_epoch", "cooldown_counter")


class TellEpoch(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Tell the training data which epoch it is, before its workers start on it."""

    def __init__(self, batches: FaceBatches) -> None:
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called by Keras."""
        self._batches.epoch = epoch


class StopAtNaN(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """End a training whose loss is no number any more, with an error that says where and names faces of the batch.

    `members(epoch, batch)`, both from 0, returns the places of some faces.
    """

    def __init__(self, phase: str, members: Callable[[int, int], Sequence[str]]) -> None:
        super().__init__()
        self._phase = phase
        self._members = members

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called by Keras."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called by Keras."""
        self._check(logs, "loss", f"batch {batch + 1}", batch)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called by Keras."""
        self._check(logs, "val_loss", "validation")

    def _check(self, logs: Logs, name: str, where: str, batch: int | None = None) -> None:
        value = (logs or {}).get(name)
        if value is not None and not math.isfinite(value):
            members = [] if batch is None else self._members(self._epoch, batch)
            faces = f" (faces of {', '.join(members)}, ...)" if members else ""
            raise FauxfaceError(
                f"training: the loss is {value} in phase {self._phase!r}, epoch {self._epoch + 1}, {where}{faces}. "
                "Lower train.learning_rate (params.yaml) or that of the recipe; if it is always the same batch, look "
                "at its faces."
            )


class KeepProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Remember the weights of the best epoch of a phase, and save after every epoch what a resume needs.

    The best is the first with the lowest loss or highest accuracy, as `figure` says. This stands last in the list:
    Keras' own callbacks forget what they know when a training begins, and are given it back here.
    """

    def __init__(
        self,
        state: TrainingState,
        progress: Progress,
        history: Path,
        others: Sequence[keras.callbacks.Callback],
        figure: str,
        faces: int,
    ) -> None:
        super().__init__()
        self._state = state
        self._progress = progress
        self._history = history
        self._others = others
        self._figure = figure
        self._faces = faces

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called by Keras."""
        for callback, remembered in zip(self._others, self._progress.callbacks, strict=False):
            vars(callback).update(remembered)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called by Keras."""
        self._began = time.monotonic()
        self._rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called by Keras."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        progress = self._progress
        progress.epochs = epoch + 1
        place = {"epoch": epoch + 1, "phase": progress.phase + 1}
        # The rate that the epoch began with, under every schedule.
        progress.history.append({**place, **figures, "learning_rate": self._rate})
        self._keep_best(figures[self._figure])
        progress.callbacks = [_remembered(callback) for callback in self._others]
        progress.faces += self._faces
        progress.seconds += time.monotonic() - self._began
        self._state.save(self.model, progress)
        write_history(self._history, progress.history)

    def _keep_best(self, value: float) -> None:
        progress = self._progress
        sign = 1 if mode_of(self._figure) == "max" else -1
        if progress.best_value is None or sign * value > sign * progress.best_value:
            progress.best_value, progress.best_epoch = value, progress.epochs
            progress.best = averaged_weights(self.model)


class ShowProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """One line an epoch on stderr; it moves on a terminal and is written once elsewhere. `epochs` is the last one."""

    def __init__(self, phase: str, epochs: int, batches: int) -> None:
        super().__init__()
        self._phase = phase
        self._epochs = epochs
        self._batches = batches
        self._line: tqdm[Any] | None = None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called by Keras."""
        self._line = tqdm(
            total=self._batches,
            desc=f"{self._phase}: epoch {epoch + 1}/{self._epochs}",
            unit="batch",
            file=sys.stderr,
            delay=0 if sys.stderr.isatty() else 1e9,
            dynamic_ncols=True,
        )

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called by Keras."""
        if self._line is not None:
            self._line.update()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called by Keras."""
        if self._line is not None:
            shown = [name for name in ("loss", "val_loss", "val_auc") if logs and name in logs]
            self._line.set_postfix({name: f"{float((logs or {})[name]):.3f}" for name in shown}, refresh=False)
            if not sys.stderr.isatty():
                sys.stderr.write(f"{self._line}\n")
            self._line.close()


def mode_of(figure: str) -> str:
    """Return `max` for an accuracy, which should rise, and `min` for a loss."""
    return "max" if figure.endswith("accuracy") else "min"


def write_history(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write the history as CSV for `dvc plots`, one row an epoch; no times, so that equal runs give equal files."""
    with atomic_write(path) as temp, temp.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)


def _remembered(callback: keras.callbacks.Callback) -> dict[str, float | None]:
    values = {name: vars(callback)[name] for name in REMEMBERED if name in vars(callback)}
    return {name: None if value is None else float(value) for name, value in values.items()}
