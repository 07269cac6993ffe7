"""The state that a training goes on from: what was saved comes back, what belongs to another training does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tasks.training.fitting.state import STATE, Progress, TrainingState


def model(width: int = 3) -> Any:
    keras.utils.set_random_seed(1)  # which Keras asks for where it computes reproducibly
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(width), keras.layers.Dense(1)])
    network.compile(optimizer="adam", loss="mse")
    return network


def values(network: Any) -> list[np.ndarray]:
    network.optimizer.build(network.trainable_variables)
    return [keras.ops.convert_to_numpy(variable) for variable in [*network.variables, *network.optimizer.variables]]


@pytest.fixture
def fitted() -> Any:
    network = model()
    network.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0)
    return network


def test_progress_weights_and_optimizer_come_back(fitted: Any, tmp_path: Path) -> None:
    progress = Progress(
        phase=1, began=3, epochs=5, best_epoch=2, best_value=0.25, seconds=1.5, faces=9, history=[{"loss": 0.5}],
        callbacks=[{"wait": 2, "best": None}], best=[np.arange(number, dtype=np.float32) for number in range(12)],
    )  # fmt: skip
    TrainingState(tmp_path, "mine").save(fitted, progress)
    fresh = model()
    saved = TrainingState(tmp_path, "mine").read(fresh)
    assert saved is not None
    saved.put_into(fresh)
    for ours, theirs in zip(values(fresh), values(fitted), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert {**vars(saved.progress), "best": None} == {**vars(progress), "best": None}
    assert [best.tolist() for best in saved.progress.best] == [best.tolist() for best in progress.best]


def test_a_state_of_another_training_network_or_none_is_ignored(fitted: Any, tmp_path: Path) -> None:
    state = TrainingState(tmp_path, "mine")
    assert state.read(fitted) is None
    state.save(fitted, Progress())
    assert TrainingState(tmp_path, "other").read(fitted) is None
    assert state.read(model(width=4)) is None
    assert state.read(fitted) is not None
    path = tmp_path / STATE
    for damaged in (path.read_bytes()[:-30], b"", b"PK\x03\x04 no archive"):
        path.write_bytes(damaged)
        assert state.read(fitted) is None
    state.remove()
    assert not tmp_path.exists()


def test_the_next_phase_begins_where_the_last_one_ended() -> None:
    progress = Progress(phase=0, began=0, epochs=4, best_epoch=3, best_value=0.5, callbacks=[{"wait": 1}], faces=7)
    progress.begin_next_phase()
    assert (progress.phase, progress.began, progress.epochs, progress.faces) == (1, 4, 4, 7)
    assert (progress.best_value, progress.callbacks) == (None, [])
