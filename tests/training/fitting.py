"""Trainings without the artefact, which takes longest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.training.fitting.fit import Fitted, Record, fit
from tasks.training.fitting.state import TrainingState
from tasks.training.recipe.phases import TrainingFaces
from tasks.training.recipe.recipes import Recipe, load_recipe
from tasks.training.recipe.splits import read_split
from tasks.training.train import _network


def faces_for(toy: Any, recipe: Recipe, seed: int = 3) -> TrainingFaces:
    splits = {name: read_split(toy.manifests / f"{name}.parquet") for name in ("train", "valid")}
    return TrainingFaces(recipe, splits, toy.faces, seed, 2)


def fit_recipe(toy: Any, recipe: Recipe, out: Path, seed: int = 3) -> tuple[Fitted, Any]:
    """Return how it went, and the network."""
    network = _network(recipe, seed, "f32")
    faces = faces_for(toy, recipe, seed)
    record = Record(TrainingState(out / "state", "mine"), out / "history.csv", False)
    return fit(network, recipe.stages(), faces.of, record), network


def fit_only(toy: Any, out: Path, seed: int, epochs: int, **changes: Any) -> Fitted:
    """Train the toy's recipe with some of its settings changed."""
    recipe = load_recipe(str(toy.recipe)).model_copy(update={"epochs": epochs, **changes})
    return fit_recipe(toy, recipe, out, seed)[0]
