"""The model's card: what came later is optional, decides the id, and is said in words; the model of the package."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tasks.params import FauxfaceError
from tasks.scoring import card as card_module
from tasks.scoring.card import (
    ARCHITECTURE,
    CARD,
    KERAS_FILES,
    Answers,
    Calibrated,
    Intent,
    ModelCard,
    SourceOfFaces,
    YardstickRow,
    is_packaged,
    load_card,
    model_named,
)
from tasks.scoring.card_text import bounds_line, card_lines, notices
from tasks.scoring.classifier import Classifier
from tasks.scoring.model import ModelPlace, card_at, shared_classifier
from tasks.scoring.verdict import Judge
from tests.flows.stand_in import write_stand_in

ANSWERS = Answers(real_below=0.2, fake_from=0.8, rate=0.05, faces=120, sources=3)
INTENT = Intent(
    limits="Photographs of some kinds are called fake.",
    intended_use="Research.",
    not_for="Proof.",
    licence="For research and evaluation.",
    yardstick=(
        YardstickRow(source="good", faces=10, family="gan", auc=0.9, misses=0.2),
        YardstickRow(source="photographs", faces=20, false_alarms=0.3),
        YardstickRow(source="bad", faces=30, family="swap", auc=0.6, misses=0.7),
    ),
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_stand_in(tmp_path / "model")
    return tmp_path / "model"


def rewrite(model: Path, card: ModelCard) -> ModelCard:
    (model / CARD).write_text(card.model_dump_json())
    return card


def test_a_card_from_before_there_were_three_answers_loads_as_it_is(model: Path) -> None:
    content = json.loads((model / CARD).read_text())
    for name in ("answers", "sources", "intent", "calibrated", "drawn_sample", "scoring_only"):
        del content[name]
    (model / CARD).write_text(json.dumps(content))
    card = load_card(model)
    assert card.answers is None
    assert notices(card, packaged=False) == []
    assert any("two answers only" in line for line in card_lines(card))


@pytest.mark.parametrize("change", [{"real_below": 0.1}, {"fake_from": 0.9}, {"unfamiliar_from": 2.0}])
def test_what_decides_an_answer_decides_the_id(model: Path, change: dict[str, float]) -> None:
    plain = load_card(model)
    with_answers = rewrite(model, plain.changed(answers=ANSWERS))
    assert load_card(model).model_id == with_answers.model_id != plain.model_id
    rewrite(model, with_answers.model_copy(update={"answers": ANSWERS.model_copy(update=change)}))
    with pytest.raises(FauxfaceError, match="does not follow from its content"):
        load_card(model)


def test_what_a_model_is_for_decides_no_id(model: Path) -> None:
    plain = load_card(model)
    assert plain.changed(intent=INTENT, drawn_sample=True).model_id == plain.model_id


def test_a_model_that_only_scores_needs_no_keras_form(model: Path, tmp_path: Path) -> None:
    rewrite(model, load_card(model).changed(scoring_only=True))
    for name in KERAS_FILES:
        (model / name).unlink()
    assert Classifier.load(model).card.scoring_only
    (model / "scorer.bin").unlink()
    with pytest.raises(FauxfaceError, match=r"scorer\.bin: is missing"):
        load_card(model)


def test_a_model_in_a_store_is_fetched_with_what_it_has(model: Path) -> None:
    import fsspec

    card = rewrite(model, load_card(model).changed(scoring_only=True))
    memory = fsspec.filesystem("memory")
    for path in model.iterdir():
        if path.name not in KERAS_FILES:
            memory.pipe_file(f"/card-test/{path.name}", path.read_bytes())
    assert card_at("memory://card-test") == card
    assert shared_classifier(ModelPlace("memory://card-test", card.model_id), 1).card == card


def test_the_reference_serves_where_there_is_no_model(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, packaged = tmp_path / "data" / "model", tmp_path / "package" / "reference"
    monkeypatch.setattr(card_module, "PACKAGED", packaged)
    assert model_named(None, own) == str(own), "an installation without a reference model"
    shutil.copytree(model, packaged)
    assert model_named(None, own) == model_named("reference", own) == str(packaged)
    assert is_packaged(model_named("reference", own))
    assert model_named("s3://bucket/model", own) == "s3://bucket/model"
    own.mkdir(parents=True)
    assert model_named(None, own) == str(own), "an empty folder is said to hold no model, not passed over"
    assert model_named("reference", own) == str(packaged)


def test_the_reference_and_the_drawn_sample_say_what_they_are(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.scoring.card_text.PACKAGED", model.parent / "nowhere")
    card = load_card(model).changed(intent=INTENT)
    assert notices(card, packaged=True) == [f"model reference ({card.model_id}): {INTENT.limits}"]
    assert notices(card, packaged=False) == []
    (line,) = notices(card.changed(drawn_sample=True), packaged=False)
    assert "drawn sample" in line
    assert "--model reference" not in line, "an installation without a reference model"
    monkeypatch.setattr("tasks.scoring.card_text.PACKAGED", model)
    (line,) = notices(card.changed(drawn_sample=True), packaged=False)
    assert "--model reference" in line


def test_the_bounds_are_said_as_they_decide(model: Path) -> None:
    card = load_card(model)
    assert bounds_line(card, Judge.of(card, "balanced")).endswith("fake from p_fake 0.500 up")
    card = card.changed(answers=ANSWERS)
    line = bounds_line(card, Judge.of(card, "balanced"))
    assert line.endswith("fake from p_fake 0.800 up, real below 0.200, unsure between")
    assert "fake from p_fake 0.900 up" in bounds_line(card, Judge.of(card, "false_alarm"))


def test_the_card_in_words_has_the_worst_first(model: Path) -> None:
    sources = {"a": SourceOfFaces(real=10, fake=1200, family="gan"), "b": SourceOfFaces(real=30)}
    calibrated = Calibrated(from_model="0" * 12, photographs=200, false_alarms=2, rate=0.01, interval=(0.001, 0.036))
    card = load_card(model).changed(answers=ANSWERS, intent=INTENT, sources=sources, calibrated=calibrated)
    text = "\n".join(card_lines(card))
    assert all(part in text for part in (INTENT.limits, INTENT.intended_use, INTENT.not_for, INTENT.licence))
    assert text.index("bad") < text.index("good") < text.index("photographs ")
    assert "1,200" in text
    assert "1 families" in text
    assert "at most 5 % errors each, on 120 faces of 3 data sets" in text
    assert "from 200 photographs, 2 of them called fake (95 % interval 0.1 to 3.6 %)" in text
    assert ARCHITECTURE not in text


def test_a_data_set_was_trained_on_where_a_phase_names_it_or_takes_all(model: Path) -> None:
    card = load_card(model)

    def of_phases(*datasets: list[str] | None) -> ModelCard:
        return card.model_copy(update={"recipe": {"phases": [{"datasets": each} for each in datasets]}})

    assert card.trained_on("any")
    assert of_phases(None).trained_on("any")
    assert of_phases(["a"], None).trained_on("b")
    assert of_phases(["a"], ["b"]).trained_on("b")
    assert not of_phases(["a"], ["b"]).trained_on("c")


def test_a_card_that_lacks_something_is_named_with_the_key(model: Path) -> None:
    content = json.loads((model / CARD).read_text())
    del content["temperature"]
    (model / CARD).write_text(json.dumps(content))
    with pytest.raises(FauxfaceError, match=r"card\.json: temperature: Field required"):
        load_card(model)
