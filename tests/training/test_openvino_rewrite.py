"""What export does to the graph that Keras gives: the same numbers by other operations."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import openvino
import pytest
from keras import layers

from tasks.training.artefact.export import export_scorer
from tasks.training.artefact.saving import TOLERANCE
from tasks.training.networks.network_file import write_network
from tasks.training.networks.zoo import build_network, linear_layer, logit_model


@pytest.mark.parametrize("size", [64, 96, 128])  # with maps that eighths divide, and with some that they do not
def test_statistics_are_the_same(size: int, tmp_path: Path) -> None:
    network = build_network("lite0", size, {"pooling": "statistics", "blocks": 6}, "imagenet")
    _weigh_all(network)
    _assert_same(logit_model(network), size, tmp_path)


def test_windows_are_taken_by_products(tmp_path: Path) -> None:
    network = build_network("lite0", 128, {"pooling": "statistics", "blocks": 4}, "imagenet")
    kinds = _assert_same(logit_model(network), 128, tmp_path)
    assert kinds["MatMul"] == 4  # one for each map that is read, and the head
    assert not kinds["ReduceMean"]
    assert not kinds["Slice"]


@pytest.mark.parametrize("heads", [1, 3])
def test_moments_are_taken_from_maps_as_they_lie(heads: int, tmp_path: Path) -> None:
    """The products of channels by the rows of pixels, and the head's by its columns: see openvino_rewrite.py."""
    moments = {"moments": ["b2", "b5"], "inner_moments": ["b3_dw"]}
    arguments = {"pooling": "statistics", "blocks": 6, **moments, "heads": heads}
    network = build_network("lite0", 96, arguments, "imagenet")
    _weigh_all(network)
    _assert_same(logit_model(network), 96, tmp_path)
    graph = openvino.Core().read_model(tmp_path / "scorer.xml")
    products = [node for node in graph.get_ordered_ops() if node.get_type_name() == "MatMul"]
    turned = [node.get_attributes()["transpose_a"] for node in products]
    assert turned.count(True) == 5  # of two blocks in both windows, of a layer in the inner one
    assert all(node.get_output_partial_shape(0).rank.get_length() == 3 for node in products)
    maps = [node for node in graph.get_ordered_ops() if len(node.output(0).partial_shape) == 4]
    kinds = Counter(node.get_type_name() for node in maps)
    assert (kinds["Multiply"], kinds["Power"]) == (2, 0)  # of pixels, twice: no map is squared


def test_products_of_other_rows_are_the_same(tmp_path: Path) -> None:
    """What looks like moments and is none: rows of different maps, and rows of features."""
    images = keras.Input((6, 6, 3))
    one, other = (layers.Reshape((36, 3))(values) for values in (images, layers.ReLU(threshold=100.0)(images)))
    crossed = layers.Flatten()(layers.Dot(axes=1)([one, other]))
    features = layers.Reshape((4, 3))(layers.Dense(12)(layers.GlobalAveragePooling2D()(images)))
    own = layers.Flatten()(layers.Dot(axes=2, normalize=True)([features, features]))
    cosines = layers.Flatten()(layers.Dot(axes=1, normalize=True)([one, other]))
    _assert_same(keras.Model(images, layers.Concatenate()([crossed, own, cosines])), 6, tmp_path)


def test_cosines_and_mean_squares_are_the_same(tmp_path: Path) -> None:
    """Of one window with its mean squares, of the other with a mean of them less than all, of silent channels too."""
    images = keras.Input((12, 12, 3))
    maps = layers.ReLU(threshold=100.0)(layers.Rescaling([1.0, 0.0, 0.5], offset=[0.0, 0.0, 40.0])(images))
    rows = layers.Reshape((144, 3))(maps)
    other = layers.ReLU(threshold=150.0)(maps)
    squares = layers.Multiply()([maps, maps])
    cut = layers.Cropping2D(3)(squares)
    means = [layers.GlobalAveragePooling2D()(values) for values in (squares, cut, layers.Multiply()([maps, other]))]
    cosines = layers.Flatten()(layers.Dot(axes=1, normalize=True)([rows, rows]))
    _assert_same(keras.Model(images, layers.Concatenate()([cosines, *means])), 12, tmp_path)


def test_means_of_other_windows_are_the_same(tmp_path: Path) -> None:
    images = keras.Input((12, 12, 3))
    maps = layers.Concatenate()([layers.ReLU()(images), layers.ReLU(threshold=100.0)(images)])
    windows = [((1, 2), (1, 2)), ((0, 2), (1, 1)), ((2, 1), (2, 1)), ((0, 0), (0, 3))]
    cuts = [layers.Cropping2D(window)(maps) for window in windows]
    means = [layers.GlobalAveragePooling2D()(values) for values in (maps, *cuts, images)]
    _assert_same(keras.Model(images, layers.Concatenate()(means)), 12, tmp_path)


@pytest.mark.parametrize("scale", [1 / 128, [1 / 50, 1 / 60, 1 / 70]])
def test_scaled_pixels_are_the_same(scale: Any, tmp_path: Path) -> None:
    images = keras.Input((9, 9, 3))
    scaled = layers.Rescaling(scale, offset=-1.0)(images)
    again = layers.Rescaling(2.0, offset=3.0)(layers.Conv2D(4, 3, padding="same")(scaled))
    _assert_same(keras.Model(images, layers.GlobalMaxPooling2D()(again)), 9, tmp_path)


def _weigh_all(network: keras.Model) -> None:
    """Give the head weights that no statistic can hide behind."""
    head = linear_layer(network)
    random = np.random.default_rng(2)
    head.set_weights([random.normal(0, 1 / len(weights) ** 0.5, weights.shape) for weights in head.get_weights()])


def _assert_same(network: keras.Model, size: int, folder: Path) -> Counter[str]:
    """Export the network; fail unless it gives what Keras gives; return how many operations of each kind it has."""
    write_network(network, folder)
    export_scorer(folder)
    graph = openvino.Core().read_model(folder / "scorer.xml")
    pixels = np.random.default_rng(1).integers(0, 256, (5, size, size, 3)).astype(np.float32)
    scorer = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(scorer(pixels)[0], np.asarray(network(pixels)), rtol=1e-5, atol=TOLERANCE)
    return Counter(node.get_type_name() for node in graph.get_ordered_ops())
