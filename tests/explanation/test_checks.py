"""The checks tell maps that depend on the network, and point at what matters, from those that do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import keras
import numpy as np
import openvino
import pytest
from numpy.typing import NDArray
from openvino import opset13

from tasks.explanation import keras_maps
from tasks.explanation.check_text import check_lines
from tasks.explanation.checks import check, deletion_and_insertion
from tasks.explanation.controls import blob, blurred_noise
from tasks.explanation.explainer import Explainer
from tasks.explanation.methods import METHODS, Found
from tasks.explanation.shuffled import shuffled_layers, shuffled_scorer
from tasks.params import FauxfaceError
from tasks.scoring.card import ModelCard
from tasks.scoring.classifier import Classifier
from tasks.training.artefact.export import export_scorer
from tasks.training.networks.network_file import write_network
from tasks.training.networks.zoo import build_network, logit_model
from tests.explanation.test_maps import PLANTED, face, fineness
from tests.flows.stand_in import write_stand_in

# Keras itself, with this NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIDE = 64


def planted(seed: int) -> NDArray[np.uint8]:
    crop = face(seed)
    crop[PLANTED] = np.random.default_rng(seed).integers(0, 256, crop[PLANTED].shape, np.uint8)
    return crop


def pictures(number: int = 3) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    coarse = [rng.integers(0, 256, (12, 12, 3), np.uint8) for _ in range(number)]
    return [np.asarray(cv2.resize(each, (SIDE, SIDE)), np.uint8) for each in coarse]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = build_network("lite0", SIDE, {"blocks": 5}, "imagenet")
    kernel, bias = model.get_layer("logit").get_weights()
    drawn = np.random.default_rng(0).normal(0, 0.2, kernel.shape).astype(np.float32)
    model.get_layer("logit").set_weights([drawn, bias])
    return model


@pytest.fixture(scope="module")
def explainer(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    """One whose exported and Keras form are the same network; its card is that of a stand-in."""
    folder = tmp_path_factory.mktemp("model")
    card: ModelCard = write_stand_in(folder / "stand-in")
    write_network(network, folder)
    export_scorer(folder)
    from tasks.explanation.keras_maps import KerasMaps
    from tasks.explanation.keras_run import Network
    from tasks.scoring.classifier import Scorer

    classifier = Classifier(card.model_copy(update={"input_size": SIDE}), Scorer(folder / "scorer.xml", SIDE, 2))
    made = Explainer(folder, classifier)
    made.__dict__["_keras"] = KerasMaps(Network(network))
    return made


def test_what_a_map_points_at_matters_more_than_what_controls_do() -> None:
    faces = [planted(seed) for seed in range(4)]
    truth = np.zeros((96, 96))
    truth[PLANTED] = 1.0
    found = deletion_and_insertion(fineness, faces, [truth] * 4, np.ones(4, bool))
    for kind in ("deletion", "insertion"):
        assert found["map"][kind] > 2 * max(found["random"][kind], found["blob"][kind]) > 0
    away = deletion_and_insertion(fineness, faces, [-truth] * 4, np.ones(4, bool))
    assert away["map"]["deletion"] < 0.2 * found["map"]["deletion"]
    real = deletion_and_insertion(lambda crops: -fineness(crops), faces, [-truth] * 4, np.zeros(4, bool))
    assert real["map"] == found["map"], "of a face that is called real, evidence for real goes first"


def test_controls_know_nothing_of_a_face() -> None:
    drawn = np.array([blurred_noise(32, np.random.default_rng(seed)) for seed in range(300)])
    assert np.abs(drawn.mean(axis=0)).max() < 0.2 * drawn.std()
    spreads = drawn.std(axis=0)
    assert spreads.max() < 1.4 * spreads.min(), "no place is favoured"
    assert blob(33).argmax() == 16 * 33 + 16


def test_layers_are_shuffled_from_the_top_and_put_back(network: keras.Model) -> None:
    image = np.stack(pictures(1)).astype(np.float32)
    logit = logit_model(network)
    before, first, last = (np.asarray(each.numpy()) for each in (logit(image), network.weights[0], network.weights[-2]))
    with shuffled_layers(network, 0.0) as layers:
        assert layers == 1
        assert not np.array_equal(last, network.weights[-2].numpy())
        assert np.array_equal(first, network.weights[0].numpy())
        assert sorted(last.ravel()) == sorted(network.weights[-2].numpy().ravel())
        assert np.abs(np.asarray(logit(image)) - before).max() > 1e-3
    with shuffled_layers(network, 1.0) as layers:
        assert layers == 16
        assert not np.array_equal(first, network.weights[0].numpy())
    assert np.array_equal(np.asarray(logit(image)), before)


def test_the_exported_form_is_shuffled_alike_but_for_means(explainer: Explainer, tmp_path: Path) -> None:
    assert shuffled_scorer(explainer.folder / "scorer.xml", 1.0, tmp_path / "all.xml") == 16
    assert shuffled_scorer(explainer.folder / "scorer.xml", 0.0, tmp_path / "one.xml") == 1
    data = opset13.parameter([1, 4], np.float32)
    means = opset13.matmul(data, opset13.constant(np.full((1, 4), 0.25, np.float32)), False, True)
    openvino.serialize(openvino.Model([means], [data], "means"), tmp_path / "means.xml")
    assert shuffled_scorer(tmp_path / "means.xml", 1.0, tmp_path / "same.xml") == 0


# What stands for the face of `gradcam10` is the map of `gradcam`.
@pytest.mark.parametrize("method", [name for name, about in METHODS.items() if not about.note and name != "gradcam10"])
def test_maps_change_with_the_network_unless_their_method_is_labelled(
    method: str, explainer: Explainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_maps, "MOST_STEPS", 16)  # adding up is tested elsewhere
    found = check(explainer, method, pictures(2))
    assert found["randomisation"]["passed"] == (found["note"] == "")
    assert found["note"] == "", found["randomisation"]
    assert [step["layers"] for step in found["randomisation"]["steps"]] == [1, 4, 8, 16]


def test_methods_without_keras_are_named_the_best_first_and_others_are_refused(explainer: Explainer) -> None:
    assert explainer.methods == ("exact", "occlusion", "shap")
    exact, cam = (explainer.explain(pictures(1), method)[0] for method in (None, "cam"))
    assert (exact.method, exact.constant is None) == ("exact", False)
    assert exact.logit == pytest.approx(cam.logit, abs=1e-3), "both forms are one network"
    means = [float(each.map.mean()) + float(each.constant or 0) for each in (exact, cam)]
    assert means == pytest.approx([exact.logit] * 2, abs=1e-3)
    with pytest.raises(FauxfaceError, match="'magic' is none of exact"):
        explainer.explain(pictures(1), "magic")


def test_a_method_that_draws_edges_whatever_the_network_fails_and_says_so(network: keras.Model) -> None:
    def edges(crop: NDArray[np.uint8]) -> Found:
        return Found(0.0, np.abs(cv2.Laplacian(crop.astype(np.float64), cv2.CV_64F)).sum(axis=-1))

    def by(_method: str) -> Callable[[NDArray[np.uint8]], Found]:
        return edges

    stub: Any = SimpleNamespace(
        keras_model=network,
        size=SIDE,
        by=by,
        card=SimpleNamespace(threshold=0.5),
        p_fake=lambda crops: np.zeros(len(crops), np.float32),
        logits=lambda crops: np.zeros(len(crops), np.float32),
    )
    found = check(cast("Explainer", stub), "gradcam", pictures(2))
    assert not found["randomisation"]["passed"]
    assert "fails the randomisation check" in found["note"]
    lines = list(check_lines({"gradcam": found}))
    assert "FAILED on 2 faces" in lines[0]
    assert len(lines) == 5
