"""The model's id stands for everything that decides a verdict, and for no limit; cards of former versions are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.params import CropParams, FauxfaceError
from tasks.params.files import write_json
from tasks.scoring.card import CARD, ModelCard, load_card, model_id
from tests.flows.stand_in import write_stand_in

CROP = CropParams(size=64)
FACTS: dict[str, Any] = {
    "architecture": "a" * 64,
    "weights": "b" * 64,
    "crop": CROP,
    "input_size": 64,
    "thresholds": (0.5, 0.9),
    "temperature": 1.0,
}
CHANGES: list[dict[str, Any]] = [
    {"architecture": "c" * 64},
    {"weights": "c" * 64},
    {"crop": CropParams(size=96)},
    {"crop": CropParams(size=64, margin=0.3)},
    {"crop": CropParams(size=64, min_face=20)},
    {"crop": CropParams(size=64, thresholds=(0.7, 0.7, 0.9))},
    {"crop": CropParams(size=64, reencode=None)},
    {"crop": CropParams(size=64, precision="bf16")},
    {"input_size": 65},
    {"thresholds": (0.4, 0.9)},
    {"thresholds": (0.5, 0.8)},
    {"temperature": 2.0},
]


def test_whatever_decides_a_verdict_changes_the_id() -> None:
    ids = [model_id(**{**FACTS, **change}) for change in [{}, *CHANGES]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("change", [{"max_pixels": 5}, {"shard": 7}, {"keep": "all"}])
def test_a_limit_of_a_run_does_not(change: dict[str, Any]) -> None:
    assert model_id(**{**FACTS, "crop": CROP.model_copy(update=change)}) == model_id(**FACTS)


def test_no_reader_takes_an_id_for_a_number() -> None:
    ids = [model_id(**{**FACTS, "input_size": size}) for size in range(1, 300)]
    assert all(len(each) == 12 and each[0] in "abcdef" and set(each) <= set("0123456789abcdef") for each in ids)
    assert len(set(ids)) == len(ids)


def test_a_card_of_a_former_version_is_read_and_one_that_was_edited_is_not(tmp_path: Path) -> None:
    card = write_stand_in(tmp_path / "model")
    path = tmp_path / "model" / CARD
    former = card.model_copy(update={"model_id": card.former_id()})
    write_json(path, former.model_dump(mode="json"))
    assert load_card(path.parent).model_id == card.former_id() != card.model_id
    for edit in ({"threshold": 0.1}, {"temperature": 3.0}, {"crop": {**former.crop.model_dump(), "size": 96}}):
        write_json(path, {**former.model_dump(mode="json"), **edit})
        with pytest.raises(FauxfaceError, match="does not follow from its content"):
            load_card(path.parent)


def test_the_former_id_is_what_the_former_version_wrote(tmp_path: Path) -> None:
    """The id of a fixed card, as the version before worked it out."""
    card = write_stand_in(tmp_path / "model")
    files = {**card.files, "architecture.json": "a" * 64, "model.weights.h5": "b" * 64}
    fixed = ModelCard.model_validate({**json.loads(card.model_dump_json()), "files": files})
    assert fixed.former_id() == "213a31321dfc"
