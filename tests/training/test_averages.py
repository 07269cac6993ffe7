from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from tasks.training.fitting.averages import UseAverages, averaged_weights
from tests.training.fitting import fit_only


def compiled(**arguments: Any) -> keras.Model:
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.BatchNormalization()(inputs)))
    model.compile(keras.optimizers.SGD(0.1, **arguments), "mse")
    return model


def trained(model: keras.Model) -> keras.Model:
    random = np.random.default_rng(1)
    for _ in range(5):
        model.train_on_batch(random.normal(size=(8, 3)), random.normal(size=(8, 1)))
    return model


def test_averages_stand_where_the_weights_stand_and_the_rest_stays() -> None:
    model = trained(compiled(use_ema=True, ema_momentum=0.9))
    averaged, last = averaged_weights(model), model.get_weights()
    differ = [not np.array_equal(one, other) for one, other in zip(averaged, last, strict=True)]
    names = [variable.path.split("/")[-1] for variable in model.weights]
    assert [name for name, differs in zip(names, differ, strict=True) if not differs] == [
        "moving_mean",
        "moving_variance",
    ]


def test_without_averages_the_weights_are_what_is_kept() -> None:
    model = trained(compiled())
    assert all(np.array_equal(a, b) for a, b in zip(averaged_weights(model), model.get_weights(), strict=True))


def test_validation_sees_the_averages_and_training_goes_on_from_the_last_step() -> None:
    model = trained(compiled(use_ema=True, ema_momentum=0.9))
    averaged, last = averaged_weights(model), model.get_weights()
    callback = UseAverages()
    callback.set_model(model)
    callback.on_test_begin()
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), averaged, strict=True))
    callback.on_test_end()
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), last, strict=True))


def test_a_training_keeps_the_averages_of_its_best_epoch(toy: Any, tmp_path: Path) -> None:
    plain = fit_only(toy, tmp_path / "plain", 3, 1).progress.best
    averaged = fit_only(toy, tmp_path / "mean", 3, 1, optimizer_arguments={"use_ema": True}).progress.best
    assert any(not np.array_equal(a, b) for a, b in zip(plain, averaged, strict=True))
