from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tasks.evaluation.threshold import false_alarm_threshold
from tasks.params import CropParams, FauxfaceError
from tasks.scoring.card import CARD, FAMILIAR, FILES, load_card
from tasks.scoring.crops import load_crops, read_manifest
from tasks.training.artefact import saving
from tasks.training.artefact.saving import About, keras_logits, save_artefact
from tasks.training.networks.network_file import load_keras, read_network, refuse_code, write_network
from tasks.training.networks.zoo import build_network


@pytest.fixture
def model(trained: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.model, tmp_path / "model"))


@pytest.fixture
def faces(toy: Any) -> np.ndarray:
    return load_crops(read_manifest(toy.manifests / "test.parquet"), toy.faces, 48, 2)


@pytest.fixture
def about() -> About:
    return About({}, CropParams(), 0.5, 0.9, 1.0, 1, {}, {}, {}, "tensorflow cpu")


def test_the_artefact_is_complete(trained: Any) -> None:
    assert sorted(path.name for path in trained.model.iterdir()) == sorted([*FILES, FAMILIAR, CARD])


def test_keras_loads_what_was_saved(model: Path, faces: np.ndarray) -> None:
    from tasks.scoring.classifier import Classifier

    network, card = load_keras(model)
    assert network.layers[-1].name == "p_fake"
    assert card == load_card(model)
    np.testing.assert_allclose(keras_logits(network, faces), Classifier.load(model).logits(faces), atol=1e-3)


def test_the_threshold_of_few_false_alarms_comes_from_the_validation_split(toy: Any, trained: Any) -> None:
    from tasks.scoring.classifier import Classifier

    valid = read_manifest(toy.manifests / "valid.parquet")
    classifier = Classifier.load(trained.model)
    p_fake = classifier.p_fake(load_crops(valid, toy.faces, 48, 2))
    card, labels = classifier.card, valid["label"].to_numpy()
    assert card.threshold_by("false_alarm") == pytest.approx(false_alarm_threshold(labels, p_fake), abs=1e-4)
    assert not np.any(p_fake[labels == 0] >= card.threshold_by("false_alarm"))  # of 20 reals none is 1 %
    assert card.threshold_by("balanced") == card.threshold


@pytest.mark.parametrize("name", [*FILES, FAMILIAR])
def test_a_changed_byte_is_noticed_in_every_file(model: Path, name: str) -> None:
    data = bytearray((model / name).read_bytes())
    data[len(data) // 2] ^= 1
    (model / name).write_bytes(data)
    with pytest.raises(FauxfaceError, match=rf"{name}: is not the file .*SHA-256"):
        load_keras(model)


@pytest.mark.parametrize("name", [*FILES, FAMILIAR])
def test_a_missing_file_is_named(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(FauxfaceError, match=f"{name}: is missing"):
        load_card(model)


@pytest.mark.parametrize(
    ("key", "value"), [("threshold", 0.9), ("threshold_false_alarm", 0.5), ("temperature", 3.0), ("input_size", 64)]
)
def test_an_edited_card_is_noticed(model: Path, key: str, value: float) -> None:
    card = json.loads((model / CARD).read_text())
    (model / CARD).write_text(json.dumps({**card, key: value}))
    with pytest.raises(FauxfaceError, match="does not follow from its content"):
        load_card(model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: {**card, "format": 2}, "format 2"),
        (lambda card: {**card, "thresold": 1}, "thresold"),
        (lambda card: {key: card[key] for key in card if key != "files"}, "files: Field required"),
        (  # as it was before there were two thresholds
            lambda card: {key: card[key] for key in card if key != "threshold_false_alarm"},
            "threshold_false_alarm: Field required. Train again",
        ),
        (lambda card: [card], "format None"),
    ],
)
def test_a_card_of_another_form_is_refused(model: Path, change: Any, said: str) -> None:
    card = json.loads((model / CARD).read_text())
    (model / CARD).write_text(json.dumps(change(card)))
    with pytest.raises(FauxfaceError, match=f"card.json.*{said}"):
        load_card(model)


def test_a_folder_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(FauxfaceError, match=r"holds no model.*fauxface train"):
        load_card(tmp_path)


def test_a_lambda_layer_is_refused(tmp_path: Path) -> None:
    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, keras.layers.Lambda(lambda x: x + 1, output_shape=(8, 8, 3))(pixels))
    write_network(network, tmp_path)
    with pytest.raises(FauxfaceError, match=r"'Lambda'.*could run code"):
        read_network(tmp_path)


@pytest.mark.parametrize(
    "part",
    [
        {"module": "os", "class_name": "system", "config": "true"},
        {"module": "keras.utils", "class_name": "function", "config": "get_file"},
        {"module": "keras.layers", "class_name": "function", "config": "Lambda"},
        {"module": None, "class_name": "Lambda", "config": {}},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "x"}},
        {"class_name": "__lambda__", "config": {"value": "x"}},
        {"module": "builtins", "class_name": "eval", "config": {}},
    ],
)
def test_whatever_could_run_code_is_refused_wherever_it_hides(part: dict[str, Any], tmp_path: Path) -> None:
    hidden = {"module": "keras.layers", "class_name": "Dense", "config": {"kernel_initializer": [{"deep": part}]}}
    with pytest.raises(FauxfaceError, match="could run code"):
        refuse_code(hidden, tmp_path)


def test_an_architecture_that_is_no_network_is_an_error_of_ours(model: Path) -> None:
    (model / "architecture.json").write_text(
        '{"class_name": "Dense", "module": "keras.layers", "config": {"units": "x"}}'
    )
    with pytest.raises(FauxfaceError, match="cannot build"):
        read_network(model)
    (model / "architecture.json").write_text("{")
    with pytest.raises(FauxfaceError, match="cannot be read"):
        read_network(model)


def test_a_scorer_that_disagrees_is_not_accepted(
    model: Path, about: About, faces: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exported graph is replaced by that of other weights."""

    def export_another(folder: Path) -> None:
        for name in ("scorer.xml", "scorer.bin"):
            shutil.copy(model / name, folder / name)

    monkeypatch.setattr(saving, "export_scorer", export_another)
    network = build_network("cnn3", 48, {"widths": [8, 8, 16]})
    out = tmp_path / "out"
    with pytest.raises(FauxfaceError, match="differs from the network by"):
        save_artefact(network, out / "model", lambda _: about, faces)
    assert list(out.iterdir()) == []


def test_a_network_that_cannot_be_exported_leaves_the_old_model(
    model: Path, about: About, faces: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> None:
        raise FauxfaceError("no export")

    monkeypatch.setattr(saving, "export_scorer", fail)
    before = load_card(model)
    with pytest.raises(FauxfaceError, match="no export"):
        save_artefact(build_network("cnn3", 48, {}), model, lambda _: about, faces)
    assert load_card(model) == before
    assert [path.name for path in model.parent.iterdir()] == ["model"]
