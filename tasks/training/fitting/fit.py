"""Fit a network, phase by phase: loss, optimizer, callbacks, and how to go on after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from tasks.params import FauxfaceError
from tasks.training.fitting.averages import UseAverages
from tasks.training.fitting.callbacks import KeepProgress, ShowProgress, StopAtNaN, TellEpoch, mode_of, write_history
from tasks.training.fitting.parallel import spread
from tasks.training.fitting.state import Progress, Saved, TrainingState
from tasks.training.networks.zoo import logit_model, set_trainable
from tasks.training.recipe.phases import PhaseFaces
from tasks.training.recipe.recipes import Phase
from tasks.training.ridge.probe import fit_probe

OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}

WARM_UP_FROM = 0.05  # of the rate that is reached after the first epoch


@dataclass(frozen=True)
class Fitted:
    """The outcome of a training: how it went, and after how many epochs of an earlier attempt it went on."""

    progress: Progress
    resumed_after: int


@dataclass(frozen=True)
class Record:
    """Where a training is written down: its state, its history as CSV, and a line an epoch on stderr if `show`."""

    state: TrainingState
    history: Path
    show: bool


def fit(
    model: keras.Model, phases: tuple[Phase, ...], faces_of: Callable[[Phase], PhaseFaces], record: Record
) -> Fitted:
    """Train `model` through `phases`, each from the best weights of the one before, and leave the last's best in it.

    The loss is taken from the logit, where it cannot saturate. Goes on from the state where that belongs to this
    training. Raises FauxfaceError for arguments that an optimizer does not take, before anything is trained, and when
    the loss is no number any more.
    """
    for phase in phases:
        _optimizer(phase, 1)
    trained = logit_model(model)
    saved = record.state.read(trained)
    progress = saved.progress if saved else Progress()
    resumed_after = progress.epochs
    for phase in phases[progress.phase :]:
        set_trainable(model, "head" if phase.method == "ridge" else phase.trainable)
        _fit_phase(trained, phase, faces_of(phase), progress, saved, record)
        trained.set_weights(progress.best)
        saved = None
        if progress.phase + 1 < len(phases):
            progress.begin_next_phase()
    write_history(record.history, progress.history)
    return Fitted(progress, resumed_after)


def _fit_phase(
    model: keras.Model, phase: Phase, faces: PhaseFaces, progress: Progress, saved: Saved | None, record: Record
) -> None:
    """Train one phase to its end, from `saved` where that stands in this phase."""
    compile_for(model, phase, len(faces.train))
    if saved is not None:
        saved.put_into(model)
    end = progress.began + phase.epochs
    if progress.epochs == end or _stopped(progress):
        return
    callbacks = _callbacks(phase, faces, progress, record)
    if phase.method == "ridge":
        fit_probe(model, faces, callbacks, progress.epochs)
        return
    model.fit(
        spread(faces.train),
        validation_data=spread(faces.valid),
        epochs=end,
        initial_epoch=progress.epochs,
        class_weight=faces.class_weight,
        callbacks=callbacks,
        shuffle=False,  # the batches are shuffled already, by the seed
        verbose=0,
    )


def _callbacks(phase: Phase, faces: PhaseFaces, progress: Progress, record: Record) -> list[keras.callbacks.Callback]:
    deciding = _deciding(phase)
    callbacks = [TellEpoch(faces.train), UseAverages(), StopAtNaN(phase.name, faces.members), *deciding]
    if record.show:
        callbacks.append(ShowProgress(phase.name, progress.began + phase.epochs, len(faces.train)))
    keep = KeepProgress(record.state, progress, record.history, deciding, phase.keep_best, faces.train.draws)
    return [*callbacks, keep]


def compile_for(model: keras.Model, phase: Phase, batches: int) -> None:
    """Give a logit model its loss, a fresh optimizer and metrics; `batches` are those of an epoch."""
    metrics = [
        keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0),
        keras.metrics.AUC(name="auc", from_logits=True),
    ]
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=phase.label_smoothing)
    model.compile(_optimizer(phase, batches), loss, metrics=metrics)


def _optimizer(phase: Phase, batches: int) -> keras.optimizers.Optimizer:
    try:
        return OPTIMIZERS[phase.optimizer](_rate(phase, batches), **phase.optimizer_arguments)
    except (TypeError, ValueError) as error:
        raise FauxfaceError(
            f"recipe: phase {phase.name!r}: optimizer_arguments of {phase.optimizer}: {' '.join(str(error).split())}"
        ) from None


def _rate(phase: Phase, batches: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    if phase.schedule == "plateau" or phase.method == "ridge":
        return phase.learning_rate
    if phase.schedule == "step":
        return keras.optimizers.schedules.ExponentialDecay(
            phase.learning_rate, decay_steps=batches, decay_rate=phase.step_factor, staircase=True
        )
    return keras.optimizers.schedules.CosineDecay(
        phase.learning_rate * WARM_UP_FROM,
        decay_steps=max(phase.epochs - 1, 1) * batches,
        warmup_target=phase.learning_rate,
        warmup_steps=batches,
    )


def _deciding(phase: Phase) -> list[keras.callbacks.Callback]:
    """Return the callbacks that stop the training and that slow it down."""
    watched = {"monitor": phase.keep_best, "mode": mode_of(phase.keep_best)}
    stop = keras.callbacks.EarlyStopping(**watched, patience=phase.stop_patience)
    if phase.schedule != "plateau":
        return [stop]
    slow_down = keras.callbacks.ReduceLROnPlateau(
        **watched, factor=phase.plateau_factor, patience=phase.plateau_patience, min_lr=phase.min_learning_rate
    )
    return [stop, slow_down]


def _stopped(progress: Progress) -> bool:
    """Return whether early stopping had ended the phase when the training was killed, before what comes next."""
    return bool(progress.callbacks and progress.callbacks[0].get("stopped_epoch"))
