"""Every recipe through `dvc exp run` for an epoch on real faces: fewer than it is for, and in all else as it is."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from tasks.scoring.classifier import Classifier
from tasks.training.recipe.recipes import RECIPES, load_recipe
from tests.flows.conftest import Workspace
from tests.flows.dumps import Dumps

EACH = 24


@pytest.fixture(scope="module")
def workspace(dumps: Dumps, new_workspace: Callable[[dict[str, Any]], Workspace]) -> Workspace:
    """A workspace under Git, as experiments need it, with its crops made and split."""
    made = new_workspace(
        {
            "datasets": {"ffhq": {"source": str(dumps.ffhq(EACH))}},
            "crop": {"size": 256},
            "split": {"seed": 1, "valid": 0.2, "test": 0.2},
            "train": {"recipe": "cnn3", "epochs": None, "weights": None},
            "evaluate": {"bootstrap": 100, "perturbed": 10},
            "explain": {},
            "score": {"archives": {}},
        }
    )
    for words in (["add", "."], ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "Begin"]):
        subprocess.run(["git", *words], cwd=made.folder, check=True)
    made.run("dvc", "repro", "split")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_runs(workspace: Workspace, name: str) -> None:
    run_for_an_epoch(workspace, name)


def run_for_an_epoch(workspace: Workspace, name: str) -> None:
    """Train and evaluate as an experiment, and look at what it left; ImageNet weights are not everywhere."""
    recipe = load_recipe(name)
    settings = [f"train.recipe={name}", "train.epochs=1"]
    there = recipe.weights == "none" or recipe.network == "lite0"
    settings.append(f"train.weights={'null' if there else 'none'}")
    words = [word for setting in settings for word in ("-S", setting)]
    workspace.run("dvc", "exp", "run", *words, "evaluate")
    classifier = Classifier.load(workspace / "data/model", 1)
    assert (classifier.card.recipe["name"], classifier.card.input_size) == (name, recipe.input_size)
    with (workspace / "reports/train_history.csv").open(encoding="utf-8") as stream:
        phases = [row["phase"] for row in csv.DictReader(stream)]
    assert phases == [str(number + 1) for number in range(len(recipe.stages()))]
    report = json.loads((workspace / "reports/evaluate.json").read_text())
    assert report["threshold"]["value"] == pytest.approx(classifier.card.threshold, abs=1e-5)
    assert report["overall"]["n"] == len(pd.read_parquet(workspace / "data/manifests/test.parquet")) > 0
