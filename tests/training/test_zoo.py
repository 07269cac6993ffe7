from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tasks.params import FauxfaceError
from tasks.training.networks.network_file import refuse_code
from tasks.training.networks.zoo import LOGIT, NETWORKS, P_FAKE, build_network, logit_model

FORMS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in sorted(NETWORKS)),
    ("lite0", {"batch_norm": True}),
    ("lite0", {"pooling": "statistics", "heads": 3, "batch_norm": True}),
    ("lite0", {"pooling": "statistics", "blocks": 9, "moments": ["b2", "b4"], "inner_moments": ["b3_dw"]}),
]


def test_cnn3_is_as_published() -> None:
    kinds = [type(layer).__name__ for layer in build_network("cnn3", 64, {}).layers]
    assert kinds.count("Conv2D") == 3
    assert kinds.count("MaxPooling2D") == 3
    assert kinds.count("Dense") == 1
    assert kinds[-5:] == ["Flatten", "BatchNormalization", "Dropout", "Dense", "Activation"]


def test_foolme_is_as_published() -> None:
    network = build_network("foolme", 128, {})
    kinds = [type(layer).__name__ for layer in network.layers[2:-1]]
    assert kinds == [
        *("Conv2D", "BatchNormalization", "Conv2D", "MaxPooling2D", "Dropout"),
        *("Conv2D", "BatchNormalization", "MaxPooling2D", "Dropout"),
        *("Flatten", "Dense", "BatchNormalization", "Dropout", "Dense"),
    ]
    kernels = [layer.kernel.shape for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert kernels == [(3, 3, 3, 64), (3, 3, 64, 32), (3, 3, 32, 64)]
    assert network.get_layer("dense_4").kernel.shape == (30 * 30 * 64, 128)


@pytest.mark.parametrize(
    ("name", "millions"), [("resnet18", 11.18), ("resnet50", 23.59), ("mobilenet_v3", 3.0), ("lite0", 3.35)]
)
def test_a_backbone_has_the_published_number_of_weights(name: str, millions: float) -> None:
    """As torchvision and Keras count them without the 1000 classes; MobileNetV3 without its 1280 channels behind."""
    assert build_network(name, 64, {}).count_params() / 1e6 == pytest.approx(millions, abs=0.01)


def test_the_last_layers_are_the_logit_and_its_sigmoid() -> None:
    model = build_network("cnn3", 32, {})
    faces = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
    p_fake, logits = model.predict(faces, verbose=0), logit_model(model).predict(faces, verbose=0)
    assert p_fake.shape == logits.shape == (3, 1)
    assert model.layers[-1].name == "p_fake"
    np.testing.assert_allclose(p_fake, 1 / (1 + np.exp(-logits)), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "layer", "black", "white"),
    [
        ("cnn3", "rescale", [-1, -1, -1], [1, 1, 1]),
        ("foolme", "rescale", [0, 0, 0], [1, 1, 1]),
        ("mobilenet_v3", "rescale", [-1, -1, -1], [1, 1, 1]),
        ("lite0", "rescale", [-127 / 128] * 3, [1, 1, 1]),
        ("resnet18", "normalise", [-2.1179, -2.0357, -1.8044], [2.2489, 2.4286, 2.64]),
        ("resnet50", "normalise", [-123.68, -116.779, -103.939], [131.32, 138.221, 151.061]),
    ],
)
def test_the_network_takes_pixels_as_they_are(name: str, layer: str, black: list[float], white: list[float]) -> None:
    first = build_network(name, 32, {}).get_layer(layer)
    values = keras.ops.convert_to_numpy(first(np.array([[0.0] * 3, [255.0] * 3], np.float32)))
    np.testing.assert_allclose(values, [black, white], atol=1e-4)


@pytest.mark.parametrize(("name", "arguments"), FORMS)
def test_a_network_is_one_flat_graph_of_named_layers(name: str, arguments: dict[str, Any]) -> None:
    one, two = (build_network(name, 64, arguments) for _ in range(2))
    assert one.to_json() == two.to_json()
    assert one.name == name
    assert [layer.name for layer in one.layers[-2:]] == [LOGIT, P_FAKE]
    assert one.layers[0].name == "image"
    assert not [layer.name for layer in one.layers if isinstance(layer, keras.Model)]
    assert len(one.layers) == len(one.operations)  # no operation without a layer
    refuse_code(json.loads(one.to_json()), Path("architecture.json"))


def test_a_verdict_is_float32_whatever_the_rest_is() -> None:
    usual = build_network("lite0", 32, {}).to_json()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        network = build_network("lite0", 32, {})
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert network.get_layer("stem").compute_dtype == "bfloat16"
    assert [network.get_layer(name).compute_dtype for name in (LOGIT, P_FAKE)] == ["float32", "float32"]
    assert build_network("lite0", 32, {}).to_json() == usual


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("cnn33", {}, "not in the zoo; there are .*cnn3"),
        ("cnn3", {"width": 3}, "width: cnn3 takes .*widths"),
        ("resnet18", {"dropout": 0.1}, "dropout: resnet18 takes no arguments"),
        ("cnn3", {"widths": [8, 8]}, "cnn3 of 32 px cannot be built"),
        ("foolme", {"dropout": 2}, "foolme of 32 px cannot be built with them: .*2"),
    ],
)
def test_what_the_zoo_does_not_know_is_named(name: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(FauxfaceError, match=said):
        build_network(name, 32, arguments)
