from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.evaluation.threshold import best_threshold
from tasks.manifests.schemas import MANIFEST
from tasks.params import CropParams, FauxfaceError
from tasks.params.files import sha256_file
from tasks.scoring.card import FILES
from tasks.scoring.classifier import Classifier
from tasks.scoring.crops import load_crops, read_manifest
from tasks.training.batches.loader import FaceBatches
from tasks.training.fitting import callbacks, fit
from tasks.training.fitting.state import Progress, TrainingState
from tasks.training.recipe.phases import balanced_weights
from tasks.training.recipe.recipes import load_recipe
from tasks.training.recipe.splits import read_split
from tasks.training.train import _data_hashes, _first
from tests.training.fitting import faces_for, fit_only


def test_a_separable_problem_is_learnt(toy: Any, trained: Any) -> None:
    test = read_manifest(toy.manifests / "test.parquet")
    classifier = Classifier.load(trained.model)
    p_fake = classifier.p_fake(load_crops(test, toy.faces, 48, 2))
    assert np.mean((p_fake >= classifier.card.threshold) == (test["label"] == 1)) > 0.9


def test_the_report_and_the_history_say_how_it_went(trained: Any) -> None:
    report = trained.result.report
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["epochs"] == 4
    assert report["train_faces"] == 160
    assert report["images_per_second"] > 0
    with (trained.folder / "history.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    losses = [float(row["val_loss"]) for row in rows]
    assert report["best_epoch"] == losses.index(min(losses)) + 1
    assert {"loss", "accuracy", "auc", "val_auc", "learning_rate"} <= set(rows[0])


def test_the_state_is_gone_after_success(trained: Any) -> None:
    assert sorted(path.name for path in trained.folder.iterdir()) == ["history.csv", "model"]


def test_threshold_and_temperature_come_from_the_validation_split(toy: Any, trained: Any) -> None:
    valid = read_manifest(toy.manifests / "valid.parquet")
    classifier = Classifier.load(trained.model)
    p_fake = classifier.p_fake(load_crops(valid, toy.faces, 48, 2))
    assert classifier.card.threshold == pytest.approx(best_threshold(valid["label"].to_numpy(), p_fake), abs=1e-4)
    assert classifier.card.valid["n"] == len(valid)


def test_training_never_opens_the_test_split(toy: Any, trained: Any, tmp_path: Path) -> None:
    """The same artefact without it: nothing was chosen on it."""
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    for name in ("train.parquet", "valid.parquet"):
        (manifests / name).write_bytes((toy.manifests / name).read_bytes())
    (tmp_path / "faces").symlink_to(toy.faces)
    again = type(toy)(tmp_path, toy.recipe).train(tmp_path / "out")
    assert again.card == trained.result.card
    for name in (*FILES, "card.json"):
        assert sha256_file(tmp_path / "out" / "model" / name) == sha256_file(trained.model / name)


def test_the_seed_decides_the_training(toy: Any, tmp_path: Path) -> None:
    one, other, same = (fit_only(toy, tmp_path / str(number), seed, 1) for number, seed in enumerate((4, 5, 4)))
    assert one.progress.history == same.progress.history
    assert one.progress.history != other.progress.history


def test_a_split_without_one_class_is_refused(toy: Any, tmp_path: Path) -> None:
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    for name in ("train", "valid"):
        rows = read_manifest(toy.manifests / f"{name}.parquet")
        kept = rows[rows["label"] == 1] if name == "valid" else rows
        pq.write_table(pa.Table.from_pandas(kept, MANIFEST, preserve_index=False), manifests / f"{name}.parquet")
    (tmp_path / "faces").symlink_to(toy.faces)
    with pytest.raises(FauxfaceError, match=r"valid.parquet: holds no real face"):
        type(toy)(tmp_path, toy.recipe).train(tmp_path / "out")


def test_a_loss_that_is_no_number_stops_with_epoch_and_batch(toy: Any, tmp_path: Path) -> None:
    said = r"the loss is (nan|inf) in phase 'all', epoch \d, (batch \d+ \(faces of toy/|validation).*learning_rate"
    with pytest.raises(FauxfaceError, match=said):
        toy.train(tmp_path, learning_rate=1e30)
    assert not (tmp_path / "model").exists()


def test_class_weights_make_both_classes_count_the_same() -> None:
    labels = np.array([0] * 30 + [1] * 10, np.int8)
    weights = balanced_weights(labels)
    assert weights[0] * 30 == pytest.approx(weights[1] * 10)
    assert weights[0] * 30 + weights[1] * 10 == pytest.approx(40)


def test_the_data_is_told_each_epoch_before_its_first_batch(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    told: list[int] = []
    ask, tell = FaceBatches.__getitem__, callbacks.TellEpoch.on_epoch_begin

    def listen(self: FaceBatches, index: int) -> Any:
        if self._shuffle and told:
            seen.append(self.epoch)
        return ask(self, index)

    def on_epoch_begin(self: Any, epoch: int, logs: Any = None) -> None:
        tell(self, epoch, logs)
        told.append(epoch)

    monkeypatch.setattr(FaceBatches, "__getitem__", listen)
    monkeypatch.setattr(callbacks.TellEpoch, "on_epoch_begin", on_epoch_begin)
    fit_only(toy, tmp_path, 3, 3)
    batches = 10
    assert [seen.count(epoch) for epoch in range(3)] == [batches] * 3
    assert seen == sorted(seen)


def test_progress_lines_are_written_once_an_epoch_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show = callbacks.ShowProgress("mixed", 2, 3)
    for epoch in range(2):
        show.on_epoch_begin(epoch)
        for batch in range(3):
            show.on_train_batch_end(batch)
        show.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.25, "val_auc": 0.75})
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("mixed: epoch 2/2")
    assert "val_loss=0.250" in lines[1]


def test_a_state_of_another_training_is_not_used(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    progress = Progress(epochs=2, best_epoch=1, best_value=0.5, best=model.get_weights())
    TrainingState(tmp_path, "mine").save(model, progress)
    found = TrainingState(tmp_path, "mine").read(model)
    assert found is not None
    assert found.progress.epochs == 2
    assert TrainingState(tmp_path, "other").read(model) is None
    (tmp_path / "state.npz").write_bytes((tmp_path / "state.npz").read_bytes()[:100])
    assert TrainingState(tmp_path, "mine").read(model) is None


def test_the_crop_parameters_are_in_the_card(trained: Any) -> None:
    assert trained.result.card.crop == CropParams()
    assert pd.Series(trained.result.card.data).str.fullmatch("[0-9a-f]{64}").all()


def test_a_file_of_weights_is_hashed_as_data_is(toy: Any, tmp_path: Path) -> None:
    """Else a training would go on from the state of one that began with other weights."""
    weights = tmp_path / "weights.h5"
    weights.write_bytes(b"some weights")
    recipe = load_recipe(str(toy.recipe))
    splits = {name: read_split(toy.manifests / f"{name}.parquet") for name in ("train", "valid")}
    plain = _data_hashes(toy.manifests, toy.faces, splits, recipe)
    given = _data_hashes(toy.manifests, toy.faces, splits, recipe.model_copy(update={"weights": str(weights)}))
    assert given == {**plain, "weights": sha256_file(weights)}


def test_a_training_killed_before_its_model_was_saved_writes_its_history_again(toy: Any, tmp_path: Path) -> None:
    """DVC removes the outputs of a stage before it runs again."""
    fit_only(toy, tmp_path, 3, 1)
    before = (tmp_path / "history.csv").read_bytes()
    (tmp_path / "history.csv").unlink()
    assert fit_only(toy, tmp_path, 3, 1).resumed_after == 1
    assert (tmp_path / "history.csv").read_bytes() == before


def rates_of(steps: int, **changes: Any) -> list[float]:
    """The rate before each step of a phase of 5 epochs of 10 batches."""
    (phase,) = load_recipe("cnn3").model_copy(update={"epochs": 5, "learning_rate": 0.01, **changes}).stages()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    fit.compile_for(model, phase, batches=10)
    rates = []
    for step in range(steps):
        model.optimizer.iterations.assign(step)
        rates.append(float(model.optimizer.learning_rate))
    return rates


def test_a_stepped_rate_falls_after_each_epoch_and_not_within_it() -> None:
    rates = rates_of(50, schedule="step", step_factor=0.1)
    expected = [0.01 * 0.1**epoch for epoch in range(5) for _ in range(10)]
    assert rates == pytest.approx(expected, rel=1e-5)


def test_a_cosine_rises_for_an_epoch_and_falls_to_nothing() -> None:
    rates = rates_of(51, schedule="cosine")
    assert np.argmax(rates) == 10
    assert max(rates) == pytest.approx(0.01)
    assert (np.diff(rates[:11]) > 0).all()
    assert (np.diff(rates[11:]) < 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_a_cosine_goes_on_where_it_was_interrupted(toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken = fit_only(toy, tmp_path / "unbroken", 5, 4, schedule="cosine")

    class Interrupt(callbacks.TellEpoch):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            super().on_epoch_begin(epoch, logs)
            if epoch == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(fit, "TellEpoch", Interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit_only(toy, tmp_path / "broken", 5, 4, schedule="cosine")
    monkeypatch.undo()
    resumed = fit_only(toy, tmp_path / "broken", 5, 4, schedule="cosine")
    assert resumed.resumed_after == 2
    assert resumed.progress.history == unbroken.progress.history
    for one, other in zip(resumed.progress.best, unbroken.progress.best, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("asked", [1, 5, 9, 1000])
def test_as_many_faces_are_compared_as_are_asked_for_and_there(toy: Any, asked: int) -> None:
    """The two forms of a network were once compared on one batch alone."""
    recipe = load_recipe(str(toy.recipe)).model_copy(update={"batch_size": 4})
    batches = faces_for(toy, recipe).valid()
    every = np.concatenate([batches[number][0] for number in range(len(batches))])
    assert len(every) > 9
    np.testing.assert_array_equal(_first(batches, asked), every[:asked])
