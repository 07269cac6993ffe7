from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.params import FauxfaceError, TrainParams
from tasks.training.batches.augment import Augmenter
from tasks.training.recipe.recipes import RECIPES, Recipe, load_recipe

MINIMAL = "network: cnn3\ninput_size: 64\nepochs: 2\nbatch_size: 8\nlearning_rate: 0.001\n"


def written(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_shipped_recipe_is_valid(name: str) -> None:
    assert load_recipe(name).name == name


def test_cnn3_stays_within_ten_epochs() -> None:
    assert load_recipe("cnn3").epochs <= 10


PUBLISHED: dict[str, dict[str, Any]] = {
    "foolme": {"input_size": 128, "batch_size": 64, "optimizer": "adam", "learning_rate": 1e-3, "weights": "none"},
    "resnet18": {"input_size": 128, "optimizer": "sgd", "learning_rate": 1e-3, "epochs": 3, "weights": "imagenet"},
    "mobilenet_v3": {"input_size": 256, "learning_rate": 1e-4, "epochs": 100, "weights": "imagenet"},
    "lite0_gradcam": {"network": "lite0", "trainable": "head+last_conv", "epochs": 20, "weights": "imagenet"},
    "resnet_gradcam": {"network": "resnet50", "trainable": "head+last_conv", "epochs": 20, "weights": "imagenet"},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_the_published_settings(name: str) -> None:
    recipe = load_recipe(name)
    assert {key: getattr(recipe, key) for key in PUBLISHED[name]} == PUBLISHED[name]


def test_foolme_is_three_phases_of_five_epochs_and_the_first_only_blurs() -> None:
    first, *others = load_recipe("foolme").stages()
    assert [phase.epochs for phase in (first, *others)] == [5, 5, 5]
    assert [transform.name for transform in first.augmentation] == ["GaussianBlur"]
    for phase in others:
        names = [transform.name for transform in phase.augmentation]
        assert names == ["Affine", "HorizontalFlip", "ColorJitter", "GaussianBlur"]
        assert (phase.plateau_factor, phase.plateau_patience, phase.min_learning_rate) == (0.1, 10, 1e-4)


def test_resnet18_keeps_the_best_accuracy_and_divides_its_rate_by_ten_each_epoch() -> None:
    recipe = load_recipe("resnet18")
    assert (recipe.schedule, recipe.step_factor, recipe.keep_best) == ("step", 0.1, "val_accuracy")
    assert recipe.optimizer_arguments == {"momentum": 0.9}


def test_mobilenet_runs_its_hundred_epochs_at_one_rate() -> None:
    recipe = load_recipe("mobilenet_v3")
    assert min(recipe.plateau_patience, recipe.stop_patience) >= recipe.epochs
    (transform,) = recipe.augmentation
    assert (transform.name, transform.arguments) == ("RandAugment", {"num_ops": 20, "magnitude": 15})


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_the_augmentation_of_every_shipped_recipe_keeps_the_size_and_is_decided_by_the_seed(name: str) -> None:
    recipe = load_recipe(name)
    face = np.random.default_rng(1).integers(0, 256, (recipe.input_size, recipe.input_size, 3), np.uint8)
    for phase in recipe.stages():
        augmenter = Augmenter(phase.augmentation, recipe.input_size, phase.equalise)
        assert np.array_equal(augmenter(face.copy(), (4, 2)), augmenter(face.copy(), (4, 2)))


def test_a_path_is_a_recipe_named_after_its_file(tmp_path: Path) -> None:
    assert load_recipe(written(tmp_path, MINIMAL)).name == "mine"


def test_params_override_only_what_they_give(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, MINIMAL))
    changed = recipe.overridden(TrainParams(epochs=7, learning_rate=0.5))
    assert (changed.epochs, changed.batch_size, changed.learning_rate) == (7, 8, 0.5)


def test_transforms_are_read_with_arguments_and_nested(tmp_path: Path) -> None:
    text = MINIMAL + (
        "augmentation:\n  - HorizontalFlip: {p: 0.5}\n  - OneOf:\n      p: 0.3\n      transforms:\n"
        "        - GaussianBlur: {p: 1}\n        - ImageCompression:\n"
    )
    flip, one_of = load_recipe(written(tmp_path, text)).augmentation
    assert (flip.name, flip.arguments) == ("HorizontalFlip", {"p": 0.5})
    assert one_of.arguments == {"p": 0.3}
    assert [inner.name for inner in one_of.transforms] == ["GaussianBlur", "ImageCompression"]


PHASES = """
optimizer: sgd
augmentation: [HorizontalFlip: {p: 0.5}]
phases:
  - name: warm-up
    datasets: [ffhq]
    trainable: head
    epochs: 1
    augmentation: []
  - {name: whole, learning_rate: 0.0001, schedule: cosine}
"""


def test_a_phase_takes_from_the_recipe_what_it_does_not_say(tmp_path: Path) -> None:
    one, other = load_recipe(written(tmp_path, MINIMAL + PHASES)).stages()
    assert (one.name, one.datasets, one.trainable, one.epochs, one.augmentation) == (
        "warm-up",
        ("ffhq",),
        "head",
        1,
        (),
    )
    assert (one.learning_rate, one.schedule, one.optimizer) == (0.001, "plateau", "sgd")
    assert (other.datasets, other.trainable, other.epochs, other.learning_rate) == (None, "all", 2, 0.0001)
    assert [transform.name for transform in other.augmentation] == ["HorizontalFlip"]


def test_a_recipe_without_phases_is_one_phase_on_everything(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, MINIMAL + "trainable: head\nstep_factor: 0.5\n"))
    (only,) = recipe.stages()
    assert (only.datasets, only.trainable, only.epochs, only.step_factor) == (None, "head", 2, 0.5)
    assert recipe.model_copy(update={"epochs": 9}).stages()[0].epochs == 9


def test_epochs_and_rate_are_overridden_in_every_phase(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, MINIMAL + PHASES)).overridden(TrainParams(epochs=7))
    assert [phase.epochs for phase in recipe.stages()] == [7, 7]
    assert [phase.learning_rate for phase in recipe.stages()] == [0.001, 0.0001]
    recipe = recipe.overridden(TrainParams(learning_rate=0.5))
    assert [phase.learning_rate for phase in recipe.stages()] == [0.5, 0.5]


def test_other_weights_are_not_held_against_the_hash_of_the_recipes(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, MINIMAL + f"weights: a.h5\nweights_sha256: {'a' * 64}\n"))
    assert recipe.overridden(TrainParams(epochs=1)).weights_sha256 == "a" * 64
    changed = recipe.overridden(TrainParams(weights="none"))
    assert (changed.weights, changed.weights_sha256) == ("none", None)


def test_a_recipe_survives_being_written_and_read(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, MINIMAL + PHASES))
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINIMAL + "epoch: 3\n", "epoch: unknown key. Allowed: .*epochs"),
        (MINIMAL.replace("64", "many"), "input_size: .*'many'"),
        (MINIMAL.replace("network: cnn3\n", ""), "network: Field required"),
        (MINIMAL + "augmentation: [HorizontalFlip]\n", "written as .Name"),
        (MINIMAL + "augmentation: [{HorizontalFlip: 0.5}]\n", "HorizontalFlip: its arguments are .*not 0.5"),
        (MINIMAL + "augmentation: [{OneOf: [{InvertImg: {}}]}]\n", "OneOf: its arguments are written"),
        (MINIMAL + "augmentation: [{OneOf: {transforms: 3}}]\n", "OneOf: transforms is a list .*not 3"),
        (MINIMAL + "optimizer: sdg\n", "optimizer: .*'sdg'"),
        (MINIMAL + "trainable: heads\n", "trainable: .*'heads'"),
        (MINIMAL + "equalise: {quality: [90, 60], scale: [0.5, 1]}\n", "equalise: .*runs backwards"),
        (MINIMAL + "equalise: {quality: [60, 90], scale: [0, 1]}\n", "equalise.scale.0: "),
        (MINIMAL + "equalise: {size: 1}\n", "equalise.size: unknown key. Allowed: quality, scale"),
        (MINIMAL + "weights_sha256: abc\n", "weights_sha256: .*'abc'"),
        (MINIMAL + "phases:\n  - {name: a, batch_size: 3}\n", "phases.0.batch_size: unknown key. Allowed: .*datasets"),
        (MINIMAL + "phases:\n  - {epochs: 3}\n", "phases.0.name: Field required"),
        (MINIMAL + "phases:\n  - {name: a, datasets: []}\n", "phases.0.datasets: "),
        ("- a list\n", "holds no recipe"),
        ("a: [", "no valid YAML"),
        (f"{MINIMAL}epochs: 3\n", "the name 'epochs' stands twice in one place, in line 3 and in line 6"),
    ],
)
def test_a_fault_names_file_key_and_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FauxfaceError, match=f"(?s)mine.yaml.*{said}"):
        load_recipe(written(tmp_path, text))


def test_an_unknown_recipe_lists_those_that_there_are() -> None:
    with pytest.raises(FauxfaceError, match=r"one of .*cnn3"):
        load_recipe("cnn4")
