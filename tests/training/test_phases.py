"""A training in phases: whose faces each sees, what it begins with, and which of its weights are kept."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.manifests.schemas import MANIFEST
from tasks.params import FauxfaceError
from tasks.scoring.crops import load_crops, read_manifest
from tasks.training.fitting import callbacks, fit
from tasks.training.fitting.state import Progress, TrainingState
from tasks.training.recipe.recipes import Phase, Recipe, load_recipe
from tasks.training.recipe.splits import read_split
from tests.training.fitting import faces_for, fit_recipe

TWO = """
  - {name: head, trainable: head, epochs: 2}
  - {name: whole, epochs: 2, learning_rate: 0.001, optimizer: sgd}
"""


@pytest.fixture
def two(toy: Any, tmp_path: Path) -> Recipe:
    """The toy's recipe in two phases."""
    path = tmp_path / "two.yaml"
    path.write_text(toy.recipe.read_text(encoding="utf-8") + f"phases:{TWO}", encoding="utf-8")
    return load_recipe(str(path))


@pytest.fixture
def sourced(toy: Any, tmp_path: Path) -> Any:
    """The toy with every other pair of faces in a data set `other`, and all valid fakes of `other` gone."""
    root = tmp_path / "sourced"
    (root / "manifests").mkdir(parents=True)
    (root / "faces").mkdir()
    for name in ("toy", "other"):
        (root / "faces" / name).symlink_to(toy.faces / "toy")
    for split in ("train", "valid"):
        rows = read_manifest(toy.manifests / f"{split}.parquet")
        rows["dataset"] = np.where(np.arange(len(rows)) // 2 % 2, "other", "toy")
        if split == "valid":
            rows = rows[(rows["dataset"] == "toy") | (rows["label"] == 0)]
        pq.write_table(pa.Table.from_pandas(rows, MANIFEST, preserve_index=False), root / f"manifests/{split}.parquet")
    return type(toy)(root, toy.recipe)


def phase_of(toy: Any, **changes: Any) -> Phase:
    return load_recipe(str(toy.recipe)).stages()[0].model_copy(update={"name": "easy", **changes})


def test_a_phase_sees_the_faces_of_its_data_sets_alone(sourced: Any) -> None:
    phase = phase_of(sourced, datasets=("toy",), augmentation=())
    faces = faces_for(sourced, load_recipe(str(sourced.recipe))).of(phase)
    for split, batches in (("train", faces.train), ("valid", faces.valid)):
        rows = read_manifest(sourced.manifests / f"{split}.parquet")
        expected = load_crops(rows[rows["dataset"] == "toy"], sourced.faces, 48, 2)
        found = np.concatenate([batches[index][0] for index in range(len(batches))])
        assert np.array_equal(found, expected[batches.order(0)])
    assert faces.class_weight == {0: 1.0, 1: 1.0}


def test_validation_in_the_end_is_on_all_data_sets(sourced: Any) -> None:
    faces = faces_for(sourced, load_recipe(str(sourced.recipe)))
    faces.of(phase_of(sourced, datasets=("toy",)))
    valid = faces.valid()
    found = np.concatenate([valid[index][0] for index in range(len(valid))])
    assert len(found) == len(read_manifest(sourced.manifests / "valid.parquet"))


def test_a_data_set_that_is_not_there_is_named_with_those_that_are(sourced: Any) -> None:
    with pytest.raises(FauxfaceError, match=r"train.parquet: holds no face of wild, .*phase 'easy'.* are other, toy"):
        faces_for(sourced, load_recipe(str(sourced.recipe))).of(phase_of(sourced, datasets=("toy", "wild")))


def test_a_phase_without_one_class_to_choose_by_is_refused_before_the_training(sourced: Any, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    phases = "phases:\n  - {name: all}\n  - {name: easy, datasets: [other]}\n"
    recipe.write_text(sourced.recipe.read_text(encoding="utf-8") + phases, encoding="utf-8")
    with pytest.raises(FauxfaceError, match=r"valid.parquet: holds no fake face of other, .*phase 'easy'"):
        type(sourced)(sourced.root, recipe).train(tmp_path)
    assert not (tmp_path / "history.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"), [("{momentun: 0.9}", "momentun"), ("{learning_rate: 0.1}", "learning_rate")]
)
def test_arguments_that_an_optimizer_does_not_take_are_named_before_the_training(
    toy: Any, tmp_path: Path, arguments: str, said: str
) -> None:
    path = tmp_path / "mine.yaml"
    phases = f"phases:\n  - {{name: first}}\n  - {{name: second, optimizer_arguments: {arguments}}}\n"
    path.write_text(toy.recipe.read_text(encoding="utf-8") + phases, encoding="utf-8")
    with pytest.raises(FauxfaceError, match=f"phase 'second': optimizer_arguments of adam: .*{said}"):
        fit_recipe(toy, load_recipe(str(path)), tmp_path)
    assert not (tmp_path / "history.csv").exists()


def test_data_sets_that_no_phase_names_are_not_counted_as_trained_on(sourced: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    phases = "phases:\n  - {name: one, epochs: 1, datasets: [toy]}\n  - {name: again, epochs: 1, datasets: [toy]}\n"
    path.write_text(sourced.recipe.read_text(encoding="utf-8") + phases, encoding="utf-8")
    result = type(sourced)(sourced.root, path).train(tmp_path)
    rows = read_manifest(sourced.manifests / "train.parquet")
    assert result.report["train_faces"] == (rows["dataset"] == "toy").sum() < len(rows)
    assert [result.card.trained_on(name) for name in ("toy", "other")] == [True, False]
    rest = result.card.model_copy(update={"recipe": {"phases": [{"datasets": ["toy"]}, {"datasets": None}]}})
    assert rest.trained_on("other")
    assert rest.model_copy(update={"recipe": {}}).trained_on("other")


def test_the_faces_of_a_batch_are_named_as_they_were_in_their_dump(sourced: Any) -> None:
    faces = faces_for(sourced, load_recipe(str(sourced.recipe))).of(phase_of(sourced))
    rows = read_split(sourced.manifests / "train.parquet").rows.iloc[faces.train.order(1)[16:19]]
    # The toy's member is the number that is also its face_id.
    numbers = [int(str(face_id).split("#")[0], 16) for face_id in rows["face_id"]]
    expected = {f"{dataset}/{number}.png" for dataset, number in zip(rows["dataset"], numbers, strict=True)}
    assert set(faces.members(1, 1)) == expected


def test_epochs_are_counted_through_the_phases(toy: Any, two: Recipe, tmp_path: Path) -> None:
    fitted, _ = fit_recipe(toy, two, tmp_path)
    with (tmp_path / "history.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["epoch"], row["phase"]) for row in rows] == [("1", "1"), ("2", "1"), ("3", "2"), ("4", "2")]
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx([0.003, 0.003, 0.001, 0.001])
    assert fitted.progress.faces == 4 * 160
    assert fitted.progress.best_epoch > 2, "the model is that of the last phase"


def test_a_phase_begins_with_the_best_weights_of_the_last_and_trains_its_layers_alone(
    toy: Any, two: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[np.ndarray]] = []
    best: list[np.ndarray] = []
    optimizers: list[tuple[type, int]] = []
    keep_best, fit_phase = callbacks.KeepProgress._keep_best, fit._fit_phase

    def falling(self: Any, value: float) -> None:
        """As if the first epoch of each phase were its best."""
        keep_best(self, float(self._progress.epochs))
        if self._progress.epochs == 1:
            best.extend(self.model.get_weights())

    def watched(model: keras.Model, phase: Phase, *others: Any) -> None:
        begun.append(model.get_weights())
        fit_phase(model, phase, *others)
        optimizers.append((type(model.optimizer), int(model.optimizer.iterations)))

    monkeypatch.setattr(callbacks.KeepProgress, "_keep_best", falling)
    monkeypatch.setattr(fit, "_fit_phase", watched)
    _, network = fit_recipe(toy, two, tmp_path)
    same = [np.array_equal(one, other) for one, other in zip(begun[1], best, strict=True)]
    assert all(same)
    moved = [not np.array_equal(one, other) for one, other in zip(begun[0], begun[1], strict=True)]
    names = [variable.path for variable in network.weights]
    assert [name for name, changed in zip(names, moved, strict=True) if changed] == [
        *("norm/moving_mean", "norm/moving_variance"),  # behind the flattening, so of the head
        *("logit/kernel", "logit/bias"),
    ]
    assert optimizers == [(keras.optimizers.Adam, 20), (keras.optimizers.SGD, 20)]
    last = [not np.array_equal(one, other) for one, other in zip(begun[1], network.get_weights(), strict=True)]
    assert all(last)


def test_a_phase_that_stops_early_stops_no_other(toy: Any, two: Recipe, tmp_path: Path) -> None:
    still, whole = two.stages()
    still = still.model_copy(update={"epochs": 4, "stop_patience": 1, "learning_rate": 1e-12})
    fitted, _ = fit_recipe(toy, two.model_copy(update={"phases": (still, whole)}), tmp_path)
    assert [row["phase"] for row in fitted.progress.history] == [1, 1, 2, 2]


@pytest.mark.parametrize(("figure", "best"), [("val_loss", 2), ("val_accuracy", 3)])
def test_the_figure_of_the_recipe_decides_the_best_epoch(tmp_path: Path, figure: str, best: int) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    progress = Progress()
    keep = callbacks.KeepProgress(TrainingState(tmp_path, "mine"), progress, tmp_path / "h.csv", [], figure, 10)
    keep.set_model(model)
    for epoch, (loss, accuracy) in enumerate([(0.7, 0.6), (0.5, 0.7), (0.6, 0.8), (0.5, 0.8)]):
        keep.on_epoch_begin(epoch)
        model.set_weights([np.full_like(value, epoch + 1) for value in model.get_weights()])
        keep.on_epoch_end(epoch, {"val_loss": loss, "val_accuracy": accuracy})
    assert progress.best_epoch == best
    assert (progress.best[0] == best).all()


@pytest.mark.parametrize(("figure", "mode"), [("val_loss", "min"), ("val_accuracy", "max")])
def test_stop_and_plateau_watch_that_figure_and_the_rate_has_a_floor(toy: Any, figure: str, mode: str) -> None:
    phase = phase_of(toy, keep_best=figure, min_learning_rate=1e-4, plateau_factor=0.1, plateau_patience=1)
    stop, slow_down = fit._deciding(phase)
    assert (stop.monitor, stop.mode, slow_down.monitor, slow_down.mode) == (figure, mode, figure, mode)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(5e-4), "mse")
    slow_down.set_model(model)
    slow_down.on_train_begin()
    for epoch in range(6):
        slow_down.on_epoch_end(epoch, {figure: 0.5})
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-4)


def test_the_seed_decides_order_and_changes(toy: Any) -> None:
    recipe = load_recipe(str(toy.recipe))
    one, same, other = (faces_for(toy, recipe, seed).of(recipe.stages()[0]).train for seed in (3, 3, 4))
    assert np.array_equal(one.order(0), same.order(0))
    assert not np.array_equal(one.order(0), other.order(0))
    assert np.array_equal(one[0][0], same[0][0])


def test_a_ridge_phase_takes_as_many_faces_as_its_looks_allow(toy: Any) -> None:
    """Three looks at each where the recipe changes faces: as they are, mirrored, changed."""
    faces = faces_for(toy, load_recipe(str(toy.recipe))).of(phase_of(toy, method="ridge", faces=48))
    assert len(faces.rows.labels) == len(faces.train.labels) == 16
    assert [len(batches.labels) for batches in faces.further] == [16, 16]
