"""Models that are not what they say are refused in words, in either form of the network, and none runs code."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from tasks.params import FauxfaceError
from tasks.params.files import sha256_file, write_json
from tasks.scoring.card import ARCHITECTURE, CARD, FILES, SCORER, WEIGHTS, ModelCard, read_card
from tasks.scoring.classifier import Classifier
from tasks.training.networks.network_file import read_network, write_network
from tasks.training.networks.zoo import build_network
from tests.faults.table import Tell, tell
from tests.flows.stand_in import SIZE, write_stand_in

# Keras with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def sealed_again(model: Path) -> None:
    """Make the card true of the files as they are now, as one who swaps them on purpose would."""
    card = read_card(model)
    card = card.model_copy(update={"files": {name: sha256_file(model / name) for name in FILES}})
    write_json(model / CARD, card.model_copy(update={"model_id": card.expected_id()}).model_dump(mode="json"))


def write_scorer(model: Path, weight: float = 1.0, size: int = SIZE) -> None:
    faces = ops.parameter([-1, size, size, 3], np.float32)
    logit = ops.multiply(ops.reduce_mean(faces, ops.constant(np.array([1, 2, 3])), keep_dims=False), np.float32(weight))
    network = openvino.Model([ops.unsqueeze(logit, ops.constant(np.array([1])))], [faces], "other")
    openvino.save_model(network, model / SCORER, compress_to_fp16=False)
    sealed_again(model)


def edit(**changes: Any) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        (model / CARD).write_text(json.dumps({**json.loads((model / CARD).read_text()), **changes}))

    return change


def cut(name: str) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        (model / name).write_bytes((model / name).read_bytes()[:-7])

    return change


def swap(model: Path) -> None:
    write_stand_in(model.parent / "other", middle=100.0)
    (model.parent / "other" / WEIGHTS).replace(model / WEIGHTS)


def hide_pickle(model: Path) -> None:
    (model / "scorer.bin").write_bytes(pickle.dumps(np.zeros(3)))
    sealed_again(model)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    **{f"{name} cut": (cut(name), f"{name}: is not the file") for name in FILES},
    "card cut": (cut(CARD), "is no JSON"),
    "weights of another": (swap, "is not the file"),
    "threshold edited": (edit(threshold=0.1), "does not follow from its content"),
    "threshold not a number": (edit(threshold=float("nan")), "threshold"),
    "format of the future": (edit(format=9), "format 9"),
    "unknown entry": (edit(run="me"), "run"),
    "weights NaN": (lambda model: write_scorer(model, float("nan")), "NaN or infinity"),
    "weights infinite": (lambda model: write_scorer(model, float("inf")), "NaN or infinity"),
    "another size": (lambda model: write_scorer(model, size=SIZE * 2), "not the faces of 32 x 32"),
    "a pickle as scorer": (hide_pickle, "OpenVINO cannot use it"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_that_is_not_what_it_says_is_refused_in_words(
    tmp_path: Path, damage: str, record_property: Tell
) -> None:
    model = tmp_path / "model"
    write_stand_in(model)
    Classifier.load(model)
    spoil, said = DAMAGES[damage]
    spoil(model)
    with pytest.raises(FauxfaceError, match=said):
        Classifier.load(model)
    tell(record_property, "model damaged or swapped", 1)


class _RunsCode:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)


def test_a_pickle_in_place_of_weights_is_never_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Tell
) -> None:
    monkeypatch.chdir(tmp_path)
    write_network(build_network("cnn3", 32, {"widths": [4, 4, 8]}), tmp_path)
    for name in (WEIGHTS, ARCHITECTURE):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(pickle.dumps(_RunsCode()))
        with pytest.raises(FauxfaceError, match="cannot"):
            read_network(tmp_path)
        (tmp_path / name).write_bytes(whole)
    assert not Path("ran").exists()
    tell(record_property, "model damaged or swapped", 2)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, record_property: Tell) -> None:
    network = build_network("cnn3", 32, {"widths": [4, 4, 8]})
    weight = next(each for each in network.weights if each.path.endswith("kernel"))
    weight.assign(keras.ops.full(weight.shape, float("nan")))
    write_network(network, tmp_path)
    with pytest.raises(FauxfaceError, match="NaN or infinity"):
        read_network(tmp_path)
    tell(record_property, "model damaged or swapped", 1)


@pytest.mark.parametrize("layer", ["Lambda", "TFSMLayer", "mine>Layer"])
def test_layers_with_code_or_of_others_are_refused(tmp_path: Path, layer: str, record_property: Tell) -> None:
    write_network(build_network("cnn3", 32, {"widths": [4, 4, 8]}), tmp_path)
    architecture = json.loads((tmp_path / ARCHITECTURE).read_text())
    architecture["config"]["layers"][1].update(class_name=layer, module="mine" if ">" in layer else "keras.layers")
    (tmp_path / ARCHITECTURE).write_text(json.dumps(architecture))
    with pytest.raises(FauxfaceError, match="could run code"):
        read_network(tmp_path)
    tell(record_property, "model damaged or swapped", 1)


def test_a_whole_model_is_taken(tmp_path: Path) -> None:
    write_stand_in(tmp_path / "model")
    write_scorer(tmp_path / "model")
    assert isinstance(Classifier.load(tmp_path / "model").card, ModelCard)
