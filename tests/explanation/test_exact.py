"""Map plus constant is the logit, of every kind of tail that a recipe exports; positions are where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import openvino
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers
from numpy.typing import NDArray
from openvino import opset13

from tasks.explanation.exact import ExactNetwork, spread
from tasks.explanation.tail import NotLinearError
from tasks.training.artefact.export import export_scorer
from tasks.training.networks.network_file import write_network
from tasks.training.networks.zoo import build_network, with_verdict

# Keras itself, with this NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIZE = 64
STATISTICS = {"pooling": "statistics", "blocks": 5, "moments": ["b2"], "inner_moments": ["b2_dw"], "heads": 3}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "class activation map": ("lite0", {}),
    "statistics and the largest of three heads": ("lite0", STATISTICS),
    "three convolutions, dense layers": ("cnn3", {}),
    "with a last activation": ("mobilenet_v3", {}),
    "residual": ("resnet18", {}),
}


def noise(seed: int, size: int = SIZE) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).repeat(size // 8, 0).repeat(size // 8, 1)
    return np.asarray(coarse, np.uint8)


def shaken(model: keras.Model) -> keras.Model:
    """Move every weight and statistic off the 0 or 1 that it is made as, which would hide a mistake."""
    rng = np.random.default_rng(0)
    values = []
    for weight, value in zip(model.weights, model.get_weights(), strict=True):
        moved = value + rng.normal(0, 0.05, value.shape)
        values.append(np.abs(moved) + 0.1 if "variance" in weight.path else moved)
    model.set_weights(values)
    return model


def exported(model: keras.Model, folder: Path) -> Path:
    """Export a network as `train` does; returns its scorer.xml."""
    write_network(model, folder)
    export_scorer(folder)
    return folder / "scorer.xml"


@pytest.fixture(scope="module", params=NETWORKS)
def scorer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, arguments = NETWORKS[request.param]
    return exported(shaken(build_network(name, SIZE, arguments)), tmp_path_factory.mktemp("network"))


def test_map_and_constant_are_the_logit_that_the_scorer_gives(scorer: Path) -> None:
    network = ExactNetwork(scorer, SIZE)
    compiled = openvino.Core().compile_model(scorer, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for seed in range(3):
        image = noise(seed)
        found = network.explain(image)
        expected = float(compiled(image[np.newaxis].astype(np.float32))[0][0, 0])
        scale = max(1.0, abs(found.constant), float(np.abs(found.map(16)).sum()))
        assert found.logit == pytest.approx(expected, abs=1e-4 * scale)
        assert found.constant + found.map(16).sum() == pytest.approx(found.logit, abs=1e-4 * scale)


def test_a_class_activation_map_is_the_weighted_sum_of_the_last_maps(tmp_path: Path) -> None:
    """Derived by hand: one convolution of single pixels and a ReLU, means, one dense layer."""
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    maps = layers.Conv2D(2, 8, strides=8, activation="relu", name="maps")(pixels)
    model = shaken(with_verdict(pixels, layers.GlobalAveragePooling2D(name="means")(maps), "tiny"))
    image = noise(5)
    values = keras.Model(pixels, maps).predict(image[np.newaxis].astype(np.float32), verbose=0)[0]
    kernel, bias = (np.asarray(each) for each in model.get_layer("logit").get_weights())
    found = ExactNetwork(exported(model, tmp_path), SIZE).explain(image)
    np.testing.assert_allclose(found.parts[0], values @ kernel[:, 0] / 64, rtol=1e-3, atol=1e-4)
    assert found.constant == pytest.approx(float(bias[0]), abs=1e-6)


def test_what_is_constant_of_a_window_lands_in_the_window(tmp_path: Path) -> None:
    """A feature of the inner quarter, standardised: a picture that is black inside says so inside alone."""
    data = opset13.parameter([1, SIZE, SIZE, 3], np.float32, name="pixels")
    maps = opset13.relu(opset13.transpose(data, np.array([0, 3, 1, 2])))
    start, stop, step, axes = ([16, 16], [48, 48], [1, 1], [2, 3])
    window = opset13.slice(maps, *(opset13.constant(np.array(each)) for each in (start, stop, step, axes)))
    means = opset13.reduce_mean(window, opset13.constant(np.array([2, 3])), False)
    ones = opset13.constant(np.ones(3, np.float32))
    mean, variance = (opset13.constant(np.full(3, value, np.float32)) for value in (40, 4))
    standard = opset13.batch_norm_inference(means, ones, ones, mean, variance, 1e-12)
    logit = opset13.matmul(standard, opset13.constant(np.array([[1.0], [2.0], [-1.0]], np.float32)), False, False)
    openvino.serialize(openvino.Model([logit], [data], "window"), tmp_path / "scorer.xml")
    image = np.full((SIZE, SIZE, 3), 200, np.uint8)
    image[16:48, 16:48] = 0
    found = ExactNetwork(tmp_path / "scorer.xml", SIZE).explain(image)
    assert found.logit == pytest.approx(2 * (1 - 20), abs=1e-3)
    evidence = found.map(SIZE)
    outside = np.ones((SIZE, SIZE), bool)
    outside[16:48, 16:48] = False
    assert np.abs(evidence[outside]).max() == 0
    np.testing.assert_allclose(evidence[~outside], found.logit / 32**2, rtol=1e-4)


def test_a_tail_that_is_not_linear_is_named(tmp_path: Path) -> None:
    data = opset13.parameter([1, SIZE, SIZE, 3], np.float32, name="pixels")
    means = opset13.reduce_mean(opset13.relu(data), opset13.constant(np.array([1, 2])), False)
    logit = opset13.reduce_sum(opset13.tanh(means), opset13.constant(np.array([1])), True)
    openvino.serialize(openvino.Model([logit], [data], "curved"), tmp_path / "scorer.xml")
    with pytest.raises(NotLinearError, match="Tanh"):
        ExactNetwork(tmp_path / "scorer.xml", SIZE)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40))
def test_contributions_keep_their_sum_on_any_grid_and_stay_where_they_are(rows: int, columns: int, side: int) -> None:
    part = np.zeros((rows, columns))
    part[0, -1] = 3.5
    found = spread(part, side)
    assert found.sum() == pytest.approx(3.5)
    assert found.min() >= 0
    assert not found[-(-side // rows) :].any()
    assert not found[:, : side - -(-side // columns)].any()
