from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from tasks.params import FauxfaceError
from tasks.training.networks.zoo import build_network
from tests.training.reference import resnet18_features, resnet18_tensors

Tensors = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return resnet18_tensors(np.random.default_rng(1))


@pytest.fixture
def images() -> NDArray[np.float32]:
    return np.random.default_rng(2).uniform(0, 255, (3, 64, 64, 3)).astype(np.float32)


def _loaded(tensors: Tensors, folder: Path) -> keras.Model:
    save_file(tensors, folder / "resnet18.safetensors")
    return build_network("resnet18", 64, {}, str(folder / "resnet18.safetensors"))


def test_it_computes_what_the_layers_written_out_compute(
    tensors: Tensors, images: NDArray[np.float32], tmp_path: Path
) -> None:
    network = _loaded(tensors, tmp_path)
    found = np.asarray(keras.Model(network.input, network.get_layer("pool").output)(images))
    expected = resnet18_features(images, tensors)
    assert expected.std(axis=0).mean() > 0.01  # it does tell images apart
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_the_verdict_stays_new(tensors: Tensors, tmp_path: Path) -> None:
    assert build_network("resnet18", 64, {}).get_layer("logit").kernel.shape == (512, 1)
    assert np.any(np.asarray(_loaded(tensors, tmp_path).get_layer("logit").kernel) != 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layer3.1.bn2.running_var": None}, "layer3.1.bn2.running_var is missing"),
        ({"layer4.2.conv1.weight": np.zeros((512, 512, 3, 3), np.float32)}, "layer4.2.conv1.weight is no tensor of it"),
        ({"conv1.weight": np.zeros((64, 3, 3, 3), np.float32)}, r"conv1 needs arrays of .*\(7, 7, 3, 64\)"),
    ],
)
def test_another_network_is_refused(
    tensors: Tensors, change: dict[str, NDArray[np.float32] | None], said: str, tmp_path: Path
) -> None:
    changed = {name: value for name, value in {**tensors, **change}.items() if value is not None}
    with pytest.raises(FauxfaceError, match=rf"resnet18\.safetensors: .*{said}"):
        _loaded(changed, tmp_path)


@pytest.mark.parametrize("kept", [0, 7, 5000, -1])
def test_a_file_cut_short_is_refused(tensors: Tensors, kept: int, tmp_path: Path) -> None:
    path = tmp_path / "resnet18.safetensors"
    save_file(tensors, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FauxfaceError, match=r"resnet18\.safetensors: is no readable safetensors file"):
        build_network("resnet18", 64, {}, str(path))


def test_imagenet_says_where_to_put_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(FauxfaceError, match=rf"{tmp_path}/models/resnet18.safetensors: .*not there.*weights: none"):
        build_network("resnet18", 64, {}, "imagenet")


def test_imagenet_is_the_file_in_the_folder_of_keras(
    tensors: Tensors, images: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    save_file(tensors, tmp_path / "models" / "resnet18.safetensors")
    kernel = build_network("resnet18", 64, {}, "imagenet").get_layer("conv1").kernel
    assert np.array_equal(np.asarray(kernel).transpose(3, 2, 0, 1), tensors["conv1.weight"])
