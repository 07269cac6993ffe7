"""Of a recipe the page tells what decided something, and nothing else."""

from __future__ import annotations

import pytest

from tasks.reporting.made import settings
from tasks.training.recipe.recipes import RECIPES, load_recipe


def told(name: str) -> dict[str, str]:
    return settings(load_recipe(name).model_dump(mode="json"))


def test_a_closed_form_has_no_rate_and_no_patience() -> None:
    found = told("default")
    assert found["probe.method"] == "ridge"
    assert "moments: [b4, b6, b8]" in found["network_arguments"]
    assert found["probe.augmentation"] == "[Sequential]"
    gone = ("learning_rate", "epochs", "stop_patience", "plateau", "optimizer", "class_weights", "step_factor")
    assert [key for key in found if any(word in key for word in gone)] == []


def test_each_schedule_has_its_own_settings_alone() -> None:
    plateau, step, cosine = (told(name) for name in ("resnet_gradcam", "resnet18", "cnn3"))
    assert plateau["plateau_factor"] == "0.1"
    assert "step_factor" not in plateau
    assert step["step_factor"] == "0.1"
    assert [key for key in {**step, **cosine} if key.startswith("plateau")] == []
    assert cosine["optimizer_arguments"] == "{momentum: 0.9, nesterov: True}"
    assert plateau["class_weights"] == "True"


def test_what_draws_by_sources_weighs_no_classes() -> None:
    found = told("tuned")
    assert found["draw"] == "sources"
    assert {"least_draws", "self_blended", "label_smoothing"} <= set(found)
    assert "class_weights" not in found


def test_phases_stand_under_their_names() -> None:
    found = told("foolme")
    assert found["aligned.augmentation"] == "[GaussianBlur]"
    assert found["wild.epochs"] == "5"
    assert "epochs" not in found


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_is_told_in_short(name: str) -> None:
    found = told(name)
    assert found["name"] == name
    assert all(0 < len(value) < 200 for value in found.values())
