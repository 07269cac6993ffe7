"""The twin of the reference model: what it is not shown, and what is told of that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.scoring.classifier import Classifier
from tasks.scoring.crops import read_manifest
from tasks.training.artefact.answers import LeftOut
from tasks.training.artefact.packaged import package, yardstick_rows
from tasks.training.artefact.twin import train_twin
from tests.training.test_answers import INTENT
from tests.training.test_yardstick import params_of, place

__all__ = ["place"]


@pytest.mark.slow
def test_the_twin_is_not_shown_a_fold_and_answers_by_what_it_makes_of_it(toy: Any, place: Any, tmp_path: Path) -> None:
    params, out = params_of(toy), tmp_path / "twin"
    recipes = (str(toy.recipe), str(toy.recipe))
    report = train_twin(params, place.manifests, place.faces, out, recipes, progress=False, folds=2)
    left = set(report["folds"][0]["left_out"])
    assert left
    assert {*read_manifest(out / "manifests/train.parquet")["dataset"]}.isdisjoint(left)
    assert {*read_manifest(out / "manifests/new.parquet")["dataset"]} == left
    assert json.loads((out / "sources.json").read_text()) == report
    assert {row.source for row in yardstick_rows(report)} == left
    twin = LeftOut(out / "model", out / "manifests/new.parquet")
    toy.train(tmp_path / "whole", epochs=1)
    card = package(
        tmp_path / "whole/model", place.manifests, place.faces, tmp_path / "package", INTENT, {}, twin,
    )  # fmt: skip
    assert card.answers is not None
    assert card.answers.chosen_on == "sources left out of a training like it"
    assert card.answers.sources == len(left)
    assert Classifier.load(tmp_path / "package").card == card
