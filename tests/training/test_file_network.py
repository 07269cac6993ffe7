"""`network: file`: a head on the features of a network from elsewhere, and one graph of both that scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
import pytest
from numpy.typing import NDArray
from openvino import opset13

from tasks.explanation.explainer import explainer_of
from tasks.params import FauxfaceError
from tasks.scoring.card import CARD, FAMILIAR, SCORER, SCORER_WEIGHTS, load_card
from tasks.scoring.classifier import Classifier
from tasks.scoring.crops import load_crops, read_manifest
from tasks.training.networks.file_network import features_network
from tasks.training.networks.network_file import load_keras
from tasks.training.recipe.recipes import Recipe, load_recipe
from tests.training.conftest import SIDE

Pixels = NDArray[np.uint8]
CHANNELS = 6
RECIPE = """
network: file
network_arguments: {arguments}
weights: {file}
input_size: {size}
batch_size: 16
phases:
  - {{name: head, method: ridge}}
"""
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def write_network(folder: Path, ends: str = "maps", layout: str = "nchw", size: int = SIDE) -> Path:
    """Write a small network: random edges of 3 x 3 pixels, rectified, as maps, means or tokens."""
    kernels = np.random.default_rng(3).normal(0, 1, (CHANNELS, 3, 3, 3)).astype(np.float32)
    kernels -= kernels.mean(axis=(2, 3), keepdims=True)
    shape = [-1, 3, size, size] if layout == "nchw" else [-1, size, size, 3]
    picture = opset13.parameter(shape, np.float32, "pixels")
    values = picture if layout == "nchw" else opset13.transpose(picture, [0, 3, 1, 2])
    maps = opset13.relu(opset13.convolution(values, opset13.constant(kernels), [1, 1], [1, 1], [1, 1], [1, 1]))
    if layout == "nhwc":
        maps = opset13.transpose(maps, [0, 2, 3, 1])
    if ends == "means":
        maps = opset13.reduce_mean(maps, opset13.constant(np.array([2, 3])), keep_dims=False)
    if ends == "tokens":  # the first is twice the second
        means = opset13.reduce_mean(maps, opset13.constant(np.array([2, 3])), keep_dims=False)
        one = opset13.unsqueeze(means, opset13.constant(1))
        maps = opset13.concat([opset13.multiply(one, np.float32(2)), one], 1)
    path = folder / "network.xml"
    openvino.save_model(openvino.Model([maps.output(0)], [picture], "network"), path, compress_to_fp16=False)
    return path


def recipe_of(folder: Path, file: Path, size: int = SIDE, **arguments: Any) -> Path:
    path = folder / "mine.yaml"
    path.write_text(RECIPE.format(file=file, size=size, arguments=json.dumps(arguments)), encoding="utf-8")
    return path


def features(recipe: Path, faces: Pixels) -> NDArray[np.float32]:
    network = openvino.Core().compile_model(features_network(load_recipe(str(recipe))), "CPU")
    return np.asarray(network(faces.astype(np.float32))[0])


def faces_of(toy: Any, split: str) -> tuple[Any, Pixels]:
    rows = read_manifest(toy.manifests / f"{split}.parquet")
    return rows, load_crops(rows, toy.faces, SIDE, 2)


@pytest.fixture(scope="module")
def made(toy: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder with the model that a network of maps gives, and the training's result."""
    folder = tmp_path_factory.mktemp("made")
    recipe = recipe_of(folder, write_network(folder), mean=MEAN, std=STD, channels="bgr")
    return folder, type(toy)(toy.root, recipe).train(folder)


def test_a_head_learns_from_the_features_and_both_score_as_one(toy: Any, made: tuple[Path, Any]) -> None:
    folder, result = made
    assert result.report["valid_auc"] > 0.95
    assert result.report["epochs"] == 1
    assert result.report["nothing_learnt"] == []
    rows, crops = faces_of(toy, "test")
    p_fake = Classifier.load(folder / "model", 2).p_fake(crops)
    assert ((p_fake >= result.card.threshold) == (rows["label"] == 1)).mean() > 0.9
    header, row = (folder / "history.csv").read_text().splitlines()
    assert {"epoch", "loss", "val_loss", "val_auc"} <= set(header.split(","))
    assert row.startswith("1,1,")


def test_pixels_are_prepared_as_described(toy: Any, made: tuple[Path, Any]) -> None:
    """By the network alone, on pixels prepared here."""
    _, crops = faces_of(toy, "test")
    given = (crops[:5, ..., ::-1].astype(np.float32) / 255 - np.array(MEAN)) / np.array(STD)
    network = openvino.Core().compile_model(made[0] / "network.xml", "CPU")
    maps = network(np.ascontiguousarray(given.transpose(0, 3, 1, 2), np.float32))[0]
    np.testing.assert_allclose(features(made[0] / "mine.yaml", crops[:5]), maps.mean(axis=(2, 3)), rtol=1e-4, atol=1e-5)


def test_the_card_knows_the_file_and_that_nothing_can_be_trained_further(made: tuple[Path, Any]) -> None:
    folder, result = made
    card = load_card(folder / "model")
    assert card.scoring_only
    assert len(card.data["weights"]) == 64
    assert result.report["model_id"] == card.model_id
    assert {path.name for path in (folder / "model").iterdir()} == {CARD, FAMILIAR, SCORER, SCORER_WEIGHTS}
    with pytest.raises(FauxfaceError, match="holds no Keras form"):
        load_keras(folder / "model")


def test_an_equal_training_gives_equal_bytes_and_another_network_another_model(
    toy: Any, made: tuple[Path, Any], tmp_path: Path
) -> None:
    folder, result = made
    type(toy)(toy.root, folder / "mine.yaml").train(tmp_path / "again")
    for path in (folder / "model").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / "model" / path.name).read_bytes(), path.name
    other = recipe_of(tmp_path, write_network(tmp_path, "means"), mean=MEAN, std=STD, channels="bgr")
    assert type(toy)(toy.root, other).train(tmp_path / "other").card.model_id != result.card.model_id


def test_features_are_told_from_maps_means_and_tokens(toy: Any, made: tuple[Path, Any], tmp_path: Path) -> None:
    _, crops = faces_of(toy, "test")
    seen = crops[:4]
    same: dict[str, Any] = {"mean": MEAN, "std": STD, "channels": "bgr"}
    expected = features(made[0] / "mine.yaml", seen)

    def found(ends: str, layout: str = "nchw", **arguments: Any) -> NDArray[np.float32]:
        folder = tmp_path / f"{ends}-{layout}-{arguments.get('take')}"
        folder.mkdir()
        file = write_network(folder, ends, layout)
        return features(recipe_of(folder, file, layout=layout, **same, **arguments), seen)

    np.testing.assert_allclose(found("means"), expected, rtol=1e-5)
    np.testing.assert_allclose(found("maps", "nhwc"), expected, rtol=1e-4)
    np.testing.assert_allclose(found("tokens", take="first"), 2 * expected, rtol=1e-5)
    np.testing.assert_allclose(found("tokens", take="mean"), 1.5 * expected, rtol=1e-5)


def test_it_is_explained_without_keras(toy: Any, made: tuple[Path, Any]) -> None:
    _, crops = faces_of(toy, "test")
    explainer = explainer_of(str(made[0] / "model"))
    assert "occlusion" in explainer.methods
    [found] = explainer.explain([np.asarray(cv2.resize(crops[0], (64, 64)), np.uint8)], "occlusion")
    assert np.isfinite(found.map).all()
    assert np.ptp(found.map) > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"divid": 255}, "network_arguments.divid: .*takes layout, channels, divide, mean, std, output, take"),
        ({"output": 3}, "has 1 inputs and 1 outputs"),
        ({"layout": "nhwc"}, r"takes \[\?,3,48,48\]. Say what fits in the recipe: input_size \(now 48\)"),
    ],
)
def test_what_does_not_fit_the_network_is_said(tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    recipe = load_recipe(str(recipe_of(tmp_path, write_network(tmp_path), **arguments)))
    with pytest.raises(FauxfaceError, match=said):
        features_network(recipe)


def test_another_size_another_file_and_none_are_said(tmp_path: Path) -> None:
    file = write_network(tmp_path)

    def refused(**changes: Any) -> str:
        recipe = load_recipe(str(recipe_of(tmp_path, file))).model_copy(update=changes)
        with pytest.raises(FauxfaceError) as error:
            features_network(recipe)
        return str(error.value)

    assert "input_size (now 64)" in refused(input_size=64)
    assert "its SHA-256 is" in refused(weights_sha256="0" * 64)
    assert "is no network" in refused(weights=str(tmp_path / "gone.onnx"))
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    assert "bad.onnx: OpenVINO cannot use it" in refused(weights=str(tmp_path / "bad.onnx"))


def test_it_has_one_phase_and_that_a_ridge(tmp_path: Path) -> None:
    whole = load_recipe(str(recipe_of(tmp_path, write_network(tmp_path)))).model_dump(exclude_defaults=True)
    with pytest.raises(ValueError, match="has one phase"):
        Recipe.model_validate({**whole, "phases": [], "epochs": 2, "learning_rate": 0.1, "method": "gradient"})


def test_an_onnx_file_is_read(toy: Any, tmp_path: Path) -> None:
    """The mean of each channel, in ONNX's own bytes."""
    (tmp_path / "means.onnx").write_bytes(onnx_means(SIDE))
    recipe = recipe_of(tmp_path, tmp_path / "means.onnx", divide=1)
    _, crops = faces_of(toy, "test")
    np.testing.assert_allclose(features(recipe, crops[:3]), crops[:3].mean(axis=(1, 2)), rtol=1e-4)


def onnx_means(size: int) -> bytes:
    """Return an ONNX model of one GlobalAveragePool, as protocol buffers: fields by their numbers in onnx.proto."""

    def field(number: int, content: bytes | int) -> bytes:
        if isinstance(content, int):
            return bytes([number << 3, content])
        return bytes([number << 3 | 2]) + varint(len(content)) + content

    def varint(value: int) -> bytes:
        return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)

    def tensor(name: bytes, sides: list[int]) -> bytes:
        shape = b"".join(field(1, field(1, side)) for side in sides)  # TensorShapeProto.dim.dim_value
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))  # float

    node = field(1, b"pixels") + field(2, b"means") + field(4, b"GlobalAveragePool")
    graph = field(1, node) + field(2, b"graph")
    graph += field(11, tensor(b"pixels", [1, 3, size, size])) + field(12, tensor(b"means", [1, 3, 1, 1]))
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13))
