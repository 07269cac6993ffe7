"""Three answers of a trained model: what is fitted, on which faces, and the form in which the package has it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from tasks.manifests.schemas import FACES, MANIFEST
from tasks.params import FauxfaceError
from tasks.scoring.card import FAMILIAR, KERAS_FILES, Intent, YardstickRow, load_card
from tasks.scoring.classifier import Classifier
from tasks.scoring.crops import load_crops, read_manifest
from tasks.scoring.verdict import Judge
from tasks.training.artefact.answers import LeftOut, seen_faces, with_three_answers
from tasks.training.artefact.packaged import package, yardstick_rows
from tasks.training.networks.network_file import load_keras

INTENT = Intent(limits="Toys only.", intended_use="Tests.", not_for="Faces.", licence="None.")


@pytest.fixture(scope="module")
def packed(toy: Any, trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model as the package would have it; the sources that were left out are the test faces."""
    out = tmp_path_factory.mktemp("package") / "reference"
    out.mkdir()
    (out / "notes.txt").write_text("stays")
    left_out = LeftOut(trained.model, toy.manifests / "test.parquet")
    package(trained.model, toy.manifests, toy.faces, out, INTENT, {"toy": "checkerboards"}, left_out)
    return out


def test_the_scorer_gives_what_the_logit_is_made_of(toy: Any, trained: Any) -> None:
    from tasks.training.networks.zoo import linear_layer

    faces = load_crops(read_manifest(toy.manifests / "test.parquet"), toy.faces, 48, 2)
    seen = Classifier.load(trained.model).seen(faces)
    assert seen.features is not None
    kernel, bias = linear_layer(load_keras(trained.model)[0]).get_weights()
    np.testing.assert_allclose((seen.features @ kernel + bias)[:, 0], seen.logits, atol=1e-3)


def test_faces_come_back_in_the_order_of_the_manifest(toy: Any, trained: Any) -> None:
    rows = read_manifest(toy.manifests / "train.parquet").iloc[::-3].reset_index(drop=True)
    classifier = Classifier.load(trained.model)
    seen, plain = seen_faces(classifier, rows, toy.faces, 2), classifier.seen(load_crops(rows, toy.faces, 48, 2))
    np.testing.assert_array_equal(seen.logits, plain.logits)
    assert seen.features is not None
    np.testing.assert_array_equal(seen.features, plain.features)


def test_familiar_faces_are_answered_and_noise_is_not(toy: Any, trained: Any) -> None:
    classifier = Classifier.load(trained.model)
    card = classifier.card
    assert card.answers is not None
    assert (card.answers.faces, card.answers.sources, card.answers.chosen_on) == (40, 1, "valid")
    assert {name: (each.real, each.fake) for name, each in card.sources.items()} == {"toy": (80, 80)}
    assert not card.drawn_sample
    judge = Judge.of(card, "balanced")
    faces = load_crops(read_manifest(toy.manifests / "test.parquet"), toy.faces, 48, 2)
    known = classifier.judged(faces, [1.0] * len(faces), judge)
    assert np.mean([score.answer.reason != "unfamiliar" for score in known]) > 0.8
    odd = np.random.default_rng(1).choice(np.array([0, 255], np.uint8), (20, 48, 48, 3))
    strange = classifier.judged(odd, [1.0] * len(odd), judge)
    assert all(score.answer.reason == "unfamiliar" for score in strange)


def test_fitting_again_gives_the_same_model(toy: Any, trained: Any, tmp_path: Path) -> None:
    model = Path(shutil.copytree(trained.model, tmp_path / "model"))
    assert with_three_answers(model, toy.manifests, toy.faces, 2) == load_card(trained.model)
    assert (model / FAMILIAR).read_bytes() == (trained.model / FAMILIAR).read_bytes()


def test_a_model_of_the_drawn_sample_knows_it_wherever_the_sample_lies(toy: Any, trained: Any, tmp_path: Path) -> None:
    """The toy's faces, under the names and sizes of the sample's; then one of them under another."""
    for odd in (False, True):
        root = tmp_path / str(odd)
        shutil.copytree(toy.root, root)
        paths = sorted((root / "faces").glob("*/faces-*.parquet"))
        for shard, path in enumerate(paths):
            rows = pq.read_table(path).to_pylist()
            for place, row in enumerate(rows):
                row |= {"member": f"real/{shard:04d}_{place}.jpg", "width": 256, "height": 256}
            if odd and shard == 0:
                rows[0]["member"] = "real/me.jpg"
            pq.write_table(pa.Table.from_pylist(rows, FACES), path)
        model = Path(shutil.copytree(trained.model, root / "model"))
        assert with_three_answers(model, root / "manifests", root / "faces", 2).drawn_sample is not odd


def test_the_package_has_a_model_that_scores_and_says_what_it_is_for(packed: Path, toy: Any, trained: Any) -> None:
    card = load_card(packed)
    assert not any((packed / name).exists() for name in KERAS_FILES)
    assert (packed / "notes.txt").read_text() == "stays"
    names = {weight.path for weight in load_keras(trained.model)[0].weights}
    assert {*load_file(packed / "weights.safetensors")} == names
    assert card.scoring_only
    assert card.intent == INTENT
    assert card.sources["toy"].family == "checkerboards"
    faces = load_crops(read_manifest(toy.manifests / "test.parquet"), toy.faces, 48, 2)
    np.testing.assert_array_equal(Classifier.load(packed).logits(faces), Classifier.load(trained.model).logits(faces))
    with pytest.raises(FauxfaceError, match="Keras form"):
        load_keras(packed)


def test_bounds_and_temperature_hold_on_what_was_left_out(packed: Path, toy: Any, trained: Any) -> None:
    before, card = load_card(trained.model), load_card(packed)
    assert card.answers is not None
    assert card.answers.chosen_on == "sources left out of a training like it"
    rows = read_manifest(toy.manifests / "test.parquet")
    p_fake = Classifier.load(packed).p_fake(load_crops(rows, toy.faces, 48, 2))
    labels = rows["label"].to_numpy()
    assert np.mean(p_fake[labels == 0] >= card.answers.fake_from) <= card.answers.rate
    assert np.mean(p_fake[labels == 1] < card.answers.real_below) <= card.answers.rate
    places = [np.log(one.threshold / (1 - one.threshold)) * one.temperature for one in (before, card)]
    assert places[0] == pytest.approx(places[1], abs=1e-3)  # in the logits the threshold stays


def test_the_yardstick_becomes_rows_of_the_card() -> None:
    figures = {"auc": 0.7, "false_alarms": None, "misses": 0.4}
    new = [{"dataset": "x", "fakes": 3, "photographs": 0, "model": figures, "trivial": {}}]
    report = {"families": {"x": "gan", "y": None}, "folds": [{"new": new}]}
    assert yardstick_rows(report) == (YardstickRow(source="x", faces=3, family="gan", auc=0.7, misses=0.4),)


def test_manifests_without_shards_are_an_error_of_ours(trained: Any, tmp_path: Path) -> None:
    model = Path(shutil.copytree(trained.model, tmp_path / "model"))
    for side in ("train", "valid"):
        face = {"face_id": "a#0", "dataset": "toy", "shard": 0, "row": 0, "split": side, "label": 0}
        rows = [{**face, "label": label, "group": "a", "source": "toy"} for label in (0, 1)]
        pq.write_table(pa.Table.from_pylist(rows, MANIFEST), tmp_path / f"{side}.parquet")
    with pytest.raises(FauxfaceError, match="no such shard"):
        with_three_answers(model, tmp_path, tmp_path, 1)
    assert load_card(model) == load_card(trained.model)
