"""What `fauxface evaluate` makes of data sets of another kind than most, by the commands that a user gives."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from tests.flows.conftest import Workspace
from tests.flows.dumps import Dumps

RECIPE = """
network: cnn3
input_size: 64
epochs: 1
batch_size: 16
learning_rate: 0.001
phases:
  - {name: easy, datasets: [one]}
"""


@pytest.fixture(scope="module")
def workspace(
    dumps: Dumps, new_workspace: Callable[[dict[str, Any]], Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """Two data sets of PNG files, of which the recipe's phase uses one."""
    folder = tmp_path_factory.mktemp("png")
    with zipfile.ZipFile(dumps.ffhq(60)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        for number, name in enumerate(names):
            pixels = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR)
            path = folder / ("two" if number % 4 == 0 else "one") / Path(name).parent.name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert pixels is not None
            assert cv2.imwrite(str(path), pixels)
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    workspace = new_workspace(
        {
            "datasets": {name: {"source": str(folder / name)} for name in ("one", "two")},
            "crop": {"size": 64},
            "split": {"seed": 3, "valid": 0.25, "test": 0.25},
            "train": {"recipe": str(folder / "recipe.yaml"), "seed": 1},
            "evaluate": {"bootstrap": 100, "perturbed": 10},
            "score": {},
        }
    )
    for words in (["crop", "one"], ["crop", "two"], ["split"], ["train"], ["evaluate"]):
        workspace.run("fauxface", *words)
    return workspace


@pytest.fixture(scope="module")
def report(workspace: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workspace / "reports/evaluate.json").read_text())
    return found


def test_data_sets_of_png_files_have_a_baseline(report: dict[str, Any]) -> None:
    """None of their faces has a JPEG quality."""
    assert 0 <= report["overall"]["baseline"]["roc_auc"] <= 1


def test_a_data_set_that_no_phase_used_is_not_in_the_training(report: dict[str, Any]) -> None:
    datasets = report["datasets"]
    assert {name: figures["in_training"] for name, figures in datasets.items()} == {"one": True, "two": False}
    assert report["in_domain"]["n"] == datasets["one"]["n"] < report["overall"]["n"]


@pytest.mark.usefixtures("report")
def test_a_model_is_not_measured_on_another_split(workspace: Workspace) -> None:
    """Which may call test what was training: so it was where a training had failed and left the model of the last."""
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    workspace.write_params({**params, "split": {**params["split"], "seed": 4}})
    workspace.run("fauxface", "split")
    done = workspace.run("fauxface", "evaluate", check=False)
    assert done.returncode == 1
    assert re.search(r"fauxface: data/manifests/train.parquet: is not the split .*fauxface train", done.stderr)
