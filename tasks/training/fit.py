"""Fit a network: loss, optimizer, callbacks, and how to go on after a kill."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.training.callbacks import KeepProgress, ShowProgress, StopAtNaN, TellEpoch, write_history
from tasks.training.loader import FaceBatches
from tasks.training.recipes import Recipe
from tasks.training.state import Progress, TrainingState
from tasks.training.zoo import logit_model

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


def fit(
    model: keras.Model,
    recipe: Recipe,
    train: FaceBatches,
    valid: FaceBatches,
    class_weight: dict[int, float] | None,
    state: TrainingState,
    history: Path,
    *,
    show: bool,
) -> Fitted:
    """Train `model` by `recipe` and leave the weights of the lowest validation loss in it.

    The loss is taken from the logit, where it cannot saturate. Goes on from `state` where that belongs to this
    training. Raises FauxfaceError when the loss is no number any more.
    """
    trained = logit_model(model)
    compile_for(trained, recipe, len(train))
    progress = state.restore(trained)
    resumed_after = progress.epochs
    deciding = _deciding(recipe)
    callbacks = [TellEpoch(train), StopAtNaN(), *deciding]
    if show:
        callbacks.append(ShowProgress(recipe.epochs, len(train)))
    callbacks.append(KeepProgress(state, progress, history, deciding))
    if resumed_after < recipe.epochs and not _stopped(progress):
        trained.fit(
            train,
            validation_data=valid,
            epochs=recipe.epochs,
            initial_epoch=resumed_after,
            class_weight=class_weight,
            callbacks=callbacks,
            shuffle=False,  # the batches are shuffled already, by the seed
            verbose=0,
        )
    write_history(history, progress.history)
    trained.set_weights(progress.best)
    return Fitted(progress, resumed_after)


def compile_for(model: keras.Model, recipe: Recipe, batches: int) -> None:
    """Give a logit model its loss, optimizer and metrics; `batches` are those of an epoch."""
    optimizer = OPTIMIZERS[recipe.optimizer](_rate(recipe, batches), **recipe.optimizer_arguments)
    metrics = [
        keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0),
        keras.metrics.AUC(name="auc", from_logits=True),
    ]
    model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True), metrics=metrics)


def _rate(recipe: Recipe, batches: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    if recipe.schedule == "plateau":
        return recipe.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate * WARM_UP_FROM,
        decay_steps=max(recipe.epochs - 1, 1) * batches,
        warmup_target=recipe.learning_rate,
        warmup_steps=batches,
    )


def balanced_weights(labels: NDArray[np.int8]) -> dict[int, float]:
    """Return the weight of each class that makes both count the same: n / (2 n_class)."""
    counts = np.bincount(labels, minlength=2)
    return {label: float(len(labels) / (2 * count)) for label, count in enumerate(counts)}


def _deciding(recipe: Recipe) -> list[keras.callbacks.Callback]:
    """Return the callbacks that slow the training down and that stop it."""
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", mode="min", patience=recipe.stop_patience)
    if recipe.schedule == "cosine":
        return [stop]
    slow_down = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", mode="min", factor=recipe.plateau_factor, patience=recipe.plateau_patience
    )
    return [stop, slow_down]


def _stopped(progress: Progress) -> bool:
    """Return whether early stopping had ended the training when it was killed, before its model was saved."""
    return bool(progress.callbacks and progress.callbacks[0].get("stopped_epoch"))
