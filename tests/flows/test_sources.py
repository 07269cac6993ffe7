"""`fauxface sources`, by the command that a user gives."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Workspace
from tests.flows.dumps import Dumps

pytestmark = pytest.mark.slow

RECIPE = """
network: cnn3
input_size: 64
epochs: 1
batch_size: 16
learning_rate: 0.001
draw: sources
"""


@pytest.fixture(scope="module")
def workspace(
    dumps: Dumps, new_workspace: Callable[[dict[str, Any]], Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """Two data sets of both classes, of two families."""
    folder = tmp_path_factory.mktemp("sources")
    with zipfile.ZipFile(dumps.ffhq(60)) as archive:
        for number, name in enumerate(name for name in archive.namelist() if name.endswith(".jpg")):
            path = folder / ("two" if number % 2 else "one") / Path(name).parent.name / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    families = {"one": "gan", "two": "swap"}
    workspace = new_workspace(
        {
            "datasets": {name: {"source": str(folder / name), "family": family} for name, family in families.items()},
            "crop": {"size": 64},
            "split": {"seed": 3, "valid": 0.25, "test": 0.25},
            "train": {"recipe": str(folder / "recipe.yaml"), "seed": 1},
            "score": {},
        }
    )
    for words in (["crop", "one"], ["crop", "two"], ["split"]):
        workspace.run("fauxface", *words)
    return workspace


@pytest.mark.parametrize(("words", "by"), [(["--folds", "2"], "source"), (["--family"], "family")])
def test_every_source_is_asked_about_by_a_training_without_it(workspace: Workspace, words: list[str], by: str) -> None:
    said = workspace.run("fauxface", "sources", *words).stdout
    report = json.loads((workspace / "reports/sources.json").read_text())
    assert report["by"] == by
    assert sorted(name for fold in report["folds"] for name in fold["left_out"]) == ["one", "two"]
    assert all([row["dataset"] for row in fold["new"]] == fold["left_out"] for fold in report["folds"])
    assert f"AUC of a new {by}" in said
    assert all(name in said for name in ("one", "two", "gan", "swap"))
    again = workspace.run("fauxface", "sources", *words).stdout  # nothing is trained twice
    assert again == said
