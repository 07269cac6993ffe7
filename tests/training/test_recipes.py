from __future__ import annotations

from pathlib import Path

import pytest

from tasks.params import FauxfaceError, TrainParams
from tasks.training.recipes import RECIPES, load_recipe

MINIMAL = "network: cnn3\ninput_size: 64\nepochs: 2\nbatch_size: 8\nlearning_rate: 0.001\n"


def written(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_shipped_recipe_is_valid(name: str) -> None:
    assert load_recipe(name).name == name


def test_cnn3_stays_within_ten_epochs_at_128_pixels() -> None:
    recipe = load_recipe("cnn3")
    assert recipe.epochs <= 10
    assert recipe.input_size == 128


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINIMAL + "epoch: 3\n", "epoch: unknown key. Allowed: .*epochs"),
        (MINIMAL.replace("64", "many"), "input_size: .*'many'"),
        (MINIMAL.replace("network: cnn3\n", ""), "network: Field required"),
        (MINIMAL + "augmentation: [HorizontalFlip]\n", "written as .Name"),
        (MINIMAL + "optimizer: sdg\n", "optimizer: .*'sdg'"),
        ("- a list\n", "holds no recipe"),
        ("a: [", "no valid YAML"),
    ],
)
def test_a_fault_names_file_key_and_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FauxfaceError, match=f"(?s)mine.yaml.*{said}"):
        load_recipe(written(tmp_path, text))


def test_an_unknown_recipe_lists_those_that_there_are() -> None:
    with pytest.raises(FauxfaceError, match=r"one of .*cnn3"):
        load_recipe("cnn4")
