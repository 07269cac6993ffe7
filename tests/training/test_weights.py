"""Weights of Keras' applications; the files are Keras' own, made here with random numbers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from tasks.detection.weights import load_weights as detector_weights
from tasks.params import FauxfaceError
from tasks.training.networks import weights
from tasks.training.networks.weights import PUBLISHED, load_pretrained
from tasks.training.networks.zoo import build_network

APPLICATIONS: dict[str, Callable[..., keras.Model]] = {
    "mobilenet_v3": keras.applications.MobileNetV3Large,
    "resnet50": keras.applications.ResNet50,
}
SIDE = 64
UNBUILT = keras.Sequential(name="resnet50")  # enough where the file already is what is wrong


@pytest.fixture(scope="module", params=sorted(APPLICATIONS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def application(name: str) -> keras.Model:
    """Keras' own network without its top, all its numbers random."""
    model = APPLICATIONS[name](include_top=False, weights=None, pooling="avg", input_shape=(SIDE, SIDE, 3))
    random = np.random.default_rng(4)
    for variable in model.weights:
        entering = np.prod(variable.shape[: 2 if variable.shape[-1] == 1 else 3])  # a depthwise one sees one channel
        spread = (2 / entering) ** 0.5 if len(variable.shape) == 4 else 0.1
        around = 1 if variable.name in ("gamma", "moving_variance") else 0
        variable.assign(random.normal(around, spread, variable.shape).clip(0.2 if around else None, None))
    return model


@pytest.fixture(scope="module")
def file(application: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights in the form in which Keras' server has them."""
    path = tmp_path_factory.mktemp("weights") / "notop.h5"
    with h5py.File(path, "w") as stream:
        legacy_h5_format.save_weights_to_hdf5_group(stream, application)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keras' folder."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def _features(network: keras.Model, images: Any) -> Any:
    return np.asarray(keras.Model(network.input, network.get_layer("pool").output)(images))


def _as_keras_wants(name: str, images: Any) -> Any:
    return keras.applications.resnet.preprocess_input(images.copy()) if name == "resnet50" else images


def test_it_computes_what_the_application_of_keras_computes(name: str, application: keras.Model, file: Path) -> None:
    images = np.random.default_rng(5).uniform(0, 255, (2, SIDE, SIDE, 3)).astype(np.float32)
    expected = np.asarray(application(_as_keras_wants(name, images)))
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest().upper()
    found = _features(build_network(name, SIDE, {}, str(file), sha256), images)
    assert np.ptp(expected, axis=0).max() > 0.01  # it does tell images apart
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_the_newer_format_of_keras_is_read_too(tmp_path: Path) -> None:
    application = keras.applications.MobileNetV3Large(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    application.save_weights(tmp_path / "own.weights.h5")
    network = build_network("mobilenet_v3", SIDE, {}, str(tmp_path / "own.weights.h5"))
    pairs = list(zip(network.get_weights(), application.get_weights(), strict=False))
    assert len(pairs) > 200
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_the_hash_of_a_file_is_checked(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"something")
    found, wanted = hashlib.sha256(b"something").hexdigest(), "0" * 64
    with pytest.raises(FauxfaceError, match=rf"x\.h5: its SHA-256 is {found}.*weights_sha256 is {wanted}"):
        load_pretrained(UNBUILT, str(tmp_path / "x.h5"), wanted)


def test_weights_of_another_network_are_refused(name: str, file: Path) -> None:
    other = next(one for one in APPLICATIONS if one != name)
    with pytest.raises(FauxfaceError, match=rf"notop.h5: holds no weights of {other} without its top"):
        build_network(other, SIDE, {}, str(file))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"no HDF5")
    with pytest.raises(FauxfaceError, match=r"x\.h5: holds no weights"):
        build_network("mobilenet_v3", SIDE, {}, str(tmp_path / "x.h5"))
    with pytest.raises(FauxfaceError, match=r"y\.h5: there is no such file"):
        load_pretrained(UNBUILT, str(tmp_path / "y.h5"), None)


@pytest.mark.parametrize(("network", "asked"), [("cnn3", "imagenet"), ("foolme", "mtcnn"), ("lite0", "mtcnn")])
def test_a_name_that_a_network_does_not_know_is_answered_with_those_it_does(network: str, asked: str) -> None:
    with pytest.raises(FauxfaceError, match=rf"weights: {network} knows no `{asked}`; it takes .*`none`"):
        build_network(network, SIDE, {}, asked)


def test_cnn3_begins_with_the_detector_s_convolutions() -> None:
    network = build_network("cnn3", 32, {}, "mtcnn")
    arrays = detector_weights("onet")
    for number in range(3):
        names = (f"conv_{number + 1}", f"prelu_{number + 1}")
        found = [array for name in names for array in network.get_layer(name).get_weights()]
        for array, expected in zip(found, arrays[3 * number : 3 * number + 3], strict=True):
            np.testing.assert_array_equal(array, expected)
    for arguments in ({"widths": [32, 64, 128]}, {"kernel": 5}):
        with pytest.raises(FauxfaceError, match=r"weights: mtcnn needs .*widths: \[32, 64, 64\], kernel: 3"):
            build_network("cnn3", 32, arguments, "mtcnn")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(file: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    """A server on this machine that has the made file where Keras' has the published one."""
    published = PUBLISHED[name]._replace(md5=hashlib.md5(file.read_bytes()).hexdigest())
    monkeypatch.setitem(PUBLISHED, name, published)
    place = tmp_path / "served" / published.folder / published.file
    place.parent.mkdir(parents=True)
    place.write_bytes(file.read_bytes())
    with HTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "served"))) as http:
        monkeypatch.setattr(weights, "SERVER", f"http://127.0.0.1:{http.server_port}/")
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield http
        http.shutdown()
        thread.join()


def test_imagenet_is_downloaded_once(
    name: str, file: Path, server: HTTPServer, home: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    network = build_network(name, SIDE, {}, "imagenet")
    assert (home / "models" / PUBLISHED[name].file).read_bytes() == file.read_bytes()
    expected = [weight.copy() for weight in network.get_weights()[:-2]]
    monkeypatch.setattr(weights, "SERVER", f"http://127.0.0.1:{closed_port}/")
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])
    load_pretrained(network, "imagenet", None)
    assert all(np.array_equal(one, other) for one, other in zip(network.get_weights(), expected, strict=False))
    assert np.any(expected[0])


def test_a_download_with_another_content_is_refused(
    name: str, server: HTTPServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PUBLISHED, name, PUBLISHED[name]._replace(md5="0" * 32))
    with pytest.raises(FauxfaceError, match=r"cannot be downloaded .*hash does not match"):
        load_pretrained(keras.Sequential(name=name), "imagenet", None)


def test_without_a_network_the_error_says_what_to_put_where(
    home: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setattr(weights, "SERVER", f"http://127.0.0.1:{closed_port}/")
    wanted = PUBLISHED["resnet50"].file
    said = rf"{home}/models/{wanted}: is not there.*Fetch http\S*/{wanted} .*weights: <path>.*weights: none"
    with pytest.raises(FauxfaceError, match=said):
        load_pretrained(UNBUILT, "imagenet", None)


def test_the_table_is_that_of_keras() -> None:
    from keras.src.applications import mobilenet_v3, resnet

    assert PUBLISHED["mobilenet_v3"].md5 == mobilenet_v3.WEIGHTS_HASHES["large_224_1.0_float"][1]
    assert PUBLISHED["resnet50"].md5 == resnet.WEIGHTS_HASHES["resnet50"][1]
    for name, module in (("mobilenet_v3", mobilenet_v3.BASE_WEIGHT_PATH), ("resnet50", resnet.BASE_WEIGHTS_PATH)):
        assert PUBLISHED[name].url.startswith(module)
