from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.params import FauxfaceError, load_params
from tasks.scoring.card import CARD, FAMILIAR, KERAS_FILES, load_card
from tasks.scoring.classifier import Classifier
from tasks.training.package import package
from tasks.training.reference import WEIGHTS_FILE
from tests.training.conftest import SIDE

REPORT = {
    "families": {"a": "gan"},
    "folds": [
        {
            "new": [
                {
                    "dataset": "a",
                    "fakes": 5,
                    "photographs": 0,
                    "model": {"auc": 0.8, "false_alarms": None, "misses": 0.5},
                },
                {
                    "dataset": "b",
                    "fakes": 0,
                    "photographs": 9,
                    "model": {"auc": None, "false_alarms": 0.2, "misses": None},
                },
            ]
        }
    ],
}


def test_the_package_scores_as_the_model_does_and_says_what_it_is_for(trained: Any, tmp_path: Path) -> None:
    packaged = package(trained.model, tmp_path / "reference", REPORT)
    faces = np.random.default_rng(1).integers(0, 256, (8, SIDE, SIDE, 3), np.uint8)
    ours, theirs = (Classifier.load(folder).logits(faces) for folder in (tmp_path / "reference", trained.model))
    assert np.array_equal(ours, theirs)
    assert load_card(tmp_path / "reference") == packaged
    assert packaged.intent is not None
    assert "of 1 sources" in packaged.intent.limits
    assert [(row.source, row.family, row.faces) for row in packaged.intent.yardstick] == [("a", "gan", 5), ("b", "", 9)]
    assert packaged.model_id == load_card(trained.model).model_id


def test_nothing_is_pickled_and_the_keras_form_stays_behind(trained: Any, tmp_path: Path) -> None:
    card = package(trained.model, tmp_path / "reference")
    names = {path.name for path in (tmp_path / "reference").iterdir()}
    familiar = {FAMILIAR} & {*card.files}
    assert names == {CARD, WEIGHTS_FILE, "scorer.xml", "scorer.bin"} | familiar
    assert not names & {*KERAS_FILES}
    assert card.intent is not None
    assert not card.intent.yardstick


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FauxfaceError, match="holds no model"):
        package(tmp_path, tmp_path / "reference")


def test_the_command_names_model_and_size(trained: Any, project: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tasks.training.package", str(trained.model), str(tmp_path / "out")]
    said = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout
    assert load_card(tmp_path / "out").model_id in said


def test_the_workspace_of_the_reference_names_every_family(project: Path) -> None:
    params = load_params(project / "reference" / "params.yaml")
    families = {dataset.family for dataset in params.datasets.values()}
    assert families == {None, "gan", "diffusion", "swap", "edit"}
    assert params.train.recipe == "default"
