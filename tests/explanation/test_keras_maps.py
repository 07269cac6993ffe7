"""Maps of Keras networks against those worked out by hand, on networks small enough for that."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from numpy.typing import NDArray

from tasks.explanation.keras_maps import KerasMaps
from tasks.explanation.keras_run import Network, gradient
from tasks.explanation.methods import METHODS
from tasks.params import FauxfaceError
from tasks.params.models import EXPLAIN_METHODS
from tasks.training.networks.zoo import build_network, logit_model, with_verdict

# Keras itself, with this NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIDE = 8
MIX = np.array([[0.5, -0.2], [0.1, 0.3], [-0.4, 0.6]])  # of colours to two channels
WEIGHTS = np.array([2.0, -3.0])


def picture(seed: int = 0, side: int = SIDE) -> NDArray[np.uint8]:
    return np.asarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3)), np.uint8)


def tiny(activation: str | None = None, flat: bool = False) -> keras.Model:
    """Pixels, mixed to two channels, activated or not; their means, or all of them, weighed."""
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    maps = layers.Conv2D(2, 1, activation=activation, name="mix")(pixels)
    model = with_verdict(
        pixels, (layers.Flatten if flat else layers.GlobalAveragePooling2D)(name="features")(maps), "t"
    )
    model.get_layer("mix").set_weights([MIX[None, None].astype(np.float32), np.zeros(2, np.float32)])
    kernel = np.random.default_rng(1).normal(size=(SIDE * SIDE * 2, 1)) if flat else WEIGHTS[:, None]
    model.get_layer("logit").set_weights([kernel.astype(np.float32), np.array([0.7], np.float32)])
    return model


def maps_of(model: keras.Model, **settings: Any) -> KerasMaps:
    return KerasMaps(Network(model), **settings)


def mixed(face: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(face.astype(np.float64) @ MIX)


def test_all_methods_are_settings_and_all_of_keras_are_there() -> None:
    assert ("best", *METHODS) == EXPLAIN_METHODS
    assert set(maps_of(tiny()).methods) == {name for name, about in METHODS.items() if about.keras}


@pytest.mark.parametrize("method", ["cam", "gradcam", "hirescam", "features"])
def test_on_a_linear_network_the_map_is_the_channels_by_their_weights(method: str) -> None:
    face = picture()
    found = maps_of(tiny()).methods[method](face)
    np.testing.assert_allclose(found.map, mixed(face) @ WEIGHTS, rtol=1e-4, atol=1e-3)
    assert found.map.mean() + 0.7 == pytest.approx(found.logit, rel=1e-4)
    assert found.map.min() < 0 < found.map.max(), "evidence for real is not cut off"


def test_gradcam_takes_the_mean_gradient_and_hirescam_that_of_each_place() -> None:
    model, face = tiny("relu", flat=True), picture(3)
    kernel = np.asarray(model.get_layer("logit").get_weights()[0], np.float64).reshape(SIDE, SIDE, 2)
    active = np.maximum(mixed(face), 0)
    gradcam, hirescam = (maps_of(model).methods[name](face).map for name in ("gradcam", "hirescam"))
    np.testing.assert_allclose(gradcam, (active * kernel.mean(axis=(0, 1))).sum(-1) * SIDE**2, rtol=1e-3, atol=0.1)
    np.testing.assert_allclose(hirescam, (active * kernel).sum(-1) * SIDE**2, rtol=1e-3, atol=0.1)
    assert hirescam.mean() + 0.7 == pytest.approx(maps_of(model).methods["hirescam"](face).logit, rel=1e-3)
    with pytest.raises(FauxfaceError, match="not on the means of the last maps"):
        maps_of(model).methods["cam"](face)


def test_guided_gradients_of_a_linear_rectified_network_are_its_clipped_weights() -> None:
    """Each channel's weight is cut to what speaks for fake, then to what speaks for real, and the colours are added."""
    face = picture(2)
    active = mixed(face) > 0
    fake, real = np.maximum(WEIGHTS, 0), np.maximum(-WEIGHTS, 0)
    expected = ((active * (fake - real)) @ MIX.T).sum(axis=-1)
    np.testing.assert_allclose(maps_of(tiny("relu")).methods["guided"](face).map, expected, rtol=1e-3, atol=1e-5)
    with pytest.raises(FauxfaceError, match="no rectifiers"):
        maps_of(tiny()).methods["guided"](face)


def test_what_speaks_against_is_cut_at_every_rectifier() -> None:
    pixels = keras.Input((2, 2, 1), name="pixels")
    once = layers.ReLU(6.0, name="once")(layers.Conv2D(1, 1, use_bias=False, name="turn")(pixels))
    model = with_verdict(pixels, layers.GlobalAveragePooling2D(name="mean")(once), "two")
    model.get_layer("turn").set_weights([np.array([[[[-1.0]]]], np.float32)])
    model.get_layer("logit").set_weights([np.array([[4.0]], np.float32), np.zeros(1, np.float32)])
    network = Network(model)
    values = np.array([-3.0, 2.0, -9.0, -1.0], np.float32).reshape(1, 2, 2, 1)  # rectified: 3, 0, 6 (the most), 1
    found = gradient(lambda each: network.logits(each, guided=True), values).ravel()
    np.testing.assert_allclose(found, [-1, 0, 0, -1])
    against = gradient(lambda each: -network.logits(each, guided=True), values)
    np.testing.assert_allclose(against, np.zeros_like(values))


@pytest.fixture(scope="module")
def residual() -> keras.Model:
    """A network with branches, whose weights are not those of its beginning."""
    keras.utils.set_random_seed(0)
    model = build_network("lite0", 64, {"blocks": 6, "pooling": "statistics"}, "imagenet")
    kernel, bias = model.get_layer("logit").get_weights()
    rng = np.random.default_rng(0)
    model.get_layer("logit").set_weights([rng.normal(0, 0.5, kernel.shape).astype(np.float32), bias])
    standard = model.get_layer("standardise")
    standard.set_weights([np.ones_like(each) for each in standard.get_weights()])
    return model


def smooth(seed: int, side: int = 64) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).repeat(side // 8, 0).repeat(side // 8, 1)
    return np.asarray(coarse, np.uint8)


def test_layer_by_layer_the_network_gives_its_own_logit(residual: keras.Model) -> None:
    pixels = np.stack([smooth(seed) for seed in range(3)]).astype(np.float32)
    expected = np.asarray(logit_model(residual)(pixels)).ravel()
    found = np.asarray(ops.convert_to_numpy(Network(residual).logits(ops.convert_to_tensor(pixels))))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    guided = Network(residual).logits(ops.convert_to_tensor(pixels), guided=True)
    np.testing.assert_allclose(np.asarray(ops.convert_to_numpy(guided)), expected, rtol=1e-5, atol=1e-4)


def test_integrated_gradients_are_the_difference_of_the_logits(residual: keras.Model) -> None:
    found = maps_of(residual).methods["integrated"](smooth(4))
    assert found.constant is not None
    difference = found.logit - found.constant
    assert abs(difference) > 0.1
    assert found.map.mean() == pytest.approx(difference, rel=0.01)


def test_gradients_of_the_backend_are_finite_differences(residual: keras.Model) -> None:
    network, face = Network(residual), smooth(5)[np.newaxis].astype(np.float32)
    found = gradient(network.logits, face)[0]
    place = np.unravel_index(np.abs(found).argmax(), found.shape)
    moved = [face.copy(), face.copy()]
    moved[0][(0, *place)] += 0.5
    moved[1][(0, *place)] -= 0.5
    up, down = (float(np.asarray(network.logits(ops.convert_to_tensor(each)))[0]) for each in moved)
    assert up - down == pytest.approx(float(found[place]), rel=0.05)


def test_the_last_ten_convolutions_stand_side_by_side_and_one_can_be_named(residual: keras.Model) -> None:
    network = Network(residual)
    found = KerasMaps(network).methods["gradcam10"](smooth(1))
    assert [caption for caption, _ in found.panels] == network.convolutions[::-1][:10]
    assert all(np.isfinite(values).all() for _, values in found.panels)
    named = KerasMaps(network, layer=network.convolutions[-3]).methods["gradcam"](smooth(1))
    np.testing.assert_allclose(named.map, found.panels[2][1])
    with pytest.raises(FauxfaceError, match="is no convolution"):
        KerasMaps(network, layer="logit")


def test_feature_maps_are_those_that_add_most(residual: keras.Model) -> None:
    found = maps_of(residual).methods["features"](smooth(1))
    sizes = [abs(values.mean()) for _, values in found.panels]
    assert len(sizes) == 8
    assert sizes == sorted(sizes, reverse=True)
    assert abs(sum(values.mean() for _, values in found.panels)) > 0


def test_guided_gradcam_is_guided_backpropagation_where_gradcam_is(residual: keras.Model) -> None:
    methods = maps_of(residual).methods
    guided, both = (methods[name](smooth(2)).map for name in ("guided", "guided_gradcam"))
    assert both.shape == guided.shape == (64, 64)
    told = np.abs(guided) > 1e-6
    assert (np.sign(both[told]) == np.sign(guided[told])).mean() > 0.99


def test_another_backend_gives_the_same_gradients_guided_or_not() -> None:
    """On JAX, in a process of its own: of a rectifier with weight -2 on the inputs -1 and 3."""
    code = (
        "import numpy as np, keras\n"
        "from tasks.explanation.keras_run import _guided, gradient\n"
        "values = np.array([[-1.0, 3.0]], np.float32)\n"
        "plain = gradient(lambda each: -2 * keras.ops.relu(each), values)\n"
        "guided = [gradient(lambda each: weight * _guided(each, None), values).tolist() for weight in (-2, 2)]\n"
        "print(keras.backend.backend(), plain.tolist(), *guided)\n"
    )
    surroundings = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "jax [[0.0, -2.0]] [[0.0, 0.0]] [[0.0, 2.0]]", done.stderr
