"""The graphs compute what the package's networks compute, and only known weights are opened."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tasks.detection import weights as module
from tasks.detection.networks import SIDE, Networks
from tasks.detection.weights import load_weights, weights_folder
from tasks.params import FauxfaceError

Array = NDArray[np.float64]

# Runs the package's own networks, in a process of their own since they bring TensorFlow along.
PACKAGE = """
import json, sys
import numpy as np
from mtcnn.stages import StagePNet, StageRNet, StageONet
given = np.load(sys.argv[1])
results = {}
for name, stage in (("pnet", StagePNet), ("rnet", StageRNet), ("onet", StageONet)):
    outputs = stage()._model((given[name].astype("float32") - 127.5) / 128)
    results.update({f"{name}{index}": np.asarray(output) for index, output in enumerate(outputs)})
np.savez(sys.argv[2], **results)
"""


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks()


@pytest.fixture(scope="module")
def inputs() -> dict[str, NDArray[np.uint8]]:
    random = np.random.default_rng(11)
    shapes = {"pnet": (1, 61, 48, 3), "rnet": (37, 24, 24, 3), "onet": (21, 48, 48, 3)}
    noise = {name: random.integers(0, 256, shape).astype(np.uint8) for name, shape in shapes.items()}
    for name in noise:  # half of it smooth, as pictures are
        noise[name][len(noise[name]) // 2 :] //= 4
    return noise


def convolve(x: Array, kernel: Any, bias: Any, slope: Any) -> Array:
    high, wide = kernel.shape[:2]
    windows = sliding_window_view(x, (high, wide), axis=(1, 2))
    x = np.einsum("nhwcij,ijco->nhwo", windows, kernel.astype(float)) + bias
    return np.where(x > 0, x, slope.reshape(-1) * x)


def pool(x: Array, size: int, same: bool) -> Array:
    if same:
        missing = [max(0, (-(-side // 2) - 1) * 2 + size - side) for side in x.shape[1:3]]
        edges = [(0, 0), *((gap // 2, gap - gap // 2) for gap in missing), (0, 0)]
        x = np.pad(x, edges, constant_values=-np.inf)
    return np.asarray(sliding_window_view(x, (size, size), axis=(1, 2))[:, ::2, ::2].max(axis=(-1, -2)), np.float64)


def dense(x: Array, kernel: Any, bias: Any, slope: Any = None) -> Array:
    x = x @ kernel.astype(float) + bias
    return x if slope is None else np.where(x > 0, x, slope * x)


def normal(pixels: NDArray[np.uint8]) -> Array:
    return (pixels.astype(float) - 127.5) / 128


def flat(x: Array) -> Array:
    return x.transpose(0, 2, 1, 3).reshape(len(x), -1)


def logit(x: Array, kernel: Any, bias: Any) -> Array:
    pair = x @ kernel.reshape(kernel.shape[-2:]).astype(float) + bias
    return np.asarray(pair[..., 1:] - pair[..., :1], np.float64)


def test_proposals_equal_a_plain_computation(networks: Networks, inputs: dict[str, NDArray[np.uint8]]) -> None:
    w = load_weights("pnet")
    x = pool(convolve(normal(inputs["pnet"]), *w[:3]), 2, same=True)
    x = convolve(convolve(x, *w[3:6]), *w[6:9])
    expected = np.concatenate([x @ w[9][0, 0].astype(float) + w[10], logit(x, *w[11:13])], axis=-1)
    np.testing.assert_allclose(networks.propose(inputs["pnet"][0]), expected[0].transpose(2, 0, 1), atol=1e-4)


@pytest.mark.parametrize("size", [(61, 48), (12, 12), (14, 15)])
def test_sparse_proposals_are_every_second_one(
    networks: Networks, inputs: dict[str, NDArray[np.uint8]], size: tuple[int, int]
) -> None:
    picture = np.ascontiguousarray(inputs["pnet"][0, : size[0], : size[1]])
    dense = networks.propose(picture).copy()
    np.testing.assert_allclose(networks.propose(picture, sparse=True), dense[:, ::2, ::2], atol=1e-5)


def test_refinement_equals_a_plain_computation(networks: Networks, inputs: dict[str, NDArray[np.uint8]]) -> None:
    w = load_weights("rnet")
    x = pool(convolve(normal(inputs["rnet"]), *w[:3]), 3, same=True)
    x = pool(convolve(x, *w[3:6]), 3, same=False)
    x = dense(flat(convolve(x, *w[6:9])), *w[9:12])
    expected = np.concatenate([dense(x, *w[12:14]), logit(x, *w[14:16])], axis=-1)
    np.testing.assert_allclose(networks.refine(inputs["rnet"]), expected, atol=1e-4)


def test_finish_equals_a_plain_computation(networks: Networks, inputs: dict[str, NDArray[np.uint8]]) -> None:
    w = load_weights("onet")
    x = pool(convolve(normal(inputs["onet"]), *w[:3]), 3, same=True)
    x = pool(convolve(x, *w[3:6]), 3, same=False)
    x = pool(convolve(x, *w[6:9]), 2, same=True)
    x = dense(flat(convolve(x, *w[9:12])), *w[12:15])
    expected = np.concatenate([dense(x, *w[15:17]), dense(x, *w[17:19]), logit(x, *w[19:21])], axis=-1)
    np.testing.assert_allclose(networks.finish(inputs["onet"]), expected, atol=1e-4)


@pytest.mark.slow
def test_networks_equal_the_packages_own(
    networks: Networks, inputs: dict[str, NDArray[np.uint8]], tmp_path: Path
) -> None:
    np.savez(tmp_path / "in.npz", allow_pickle=False, **inputs)
    command = [sys.executable, "-c", PACKAGE, str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    theirs = np.load(tmp_path / "out.npz")

    def same(ours: Any, name: str) -> None:
        np.testing.assert_allclose(ours, theirs[name], atol=1e-4)

    proposals = networks.propose(inputs["pnet"][0]).transpose(1, 2, 0)[None]
    refined, finished = networks.refine(inputs["rnet"]), networks.finish(inputs["onet"])
    same(proposals[..., :4], "pnet0")
    np.testing.assert_allclose(1 / (1 + np.exp(-proposals[..., 4])), theirs["pnet1"][..., 1], atol=1e-4)
    same(refined[:, :4], "rnet0")
    np.testing.assert_allclose(1 / (1 + np.exp(-refined[:, 4])), theirs["rnet1"][:, 1], atol=1e-4)
    same(finished[:, :4], "onet0")
    same(finished[:, 4:14], "onet1")
    np.testing.assert_allclose(1 / (1 + np.exp(-finished[:, 14])), theirs["onet2"][:, 1], atol=1e-4)


def test_the_number_of_patches_does_not_matter(networks: Networks) -> None:
    patches = np.random.default_rng(2).integers(0, 256, (150, SIDE["rnet"], SIDE["rnet"], 3)).astype(np.uint8)
    together = networks.refine(patches)
    assert networks.refine(patches[:0]).shape == (0, 5)
    alone = np.concatenate([networks.refine(patches[index : index + 1]) for index in range(0, 150, 30)])
    np.testing.assert_array_equal(alone, together[::30])
    patches = np.random.default_rng(3).integers(0, 256, (21, SIDE["onet"], SIDE["onet"], 3)).astype(np.uint8)
    np.testing.assert_array_equal(networks.finish(patches[-1:]), networks.finish(patches)[-1:])
    np.testing.assert_array_equal(networks.finish(patches[:1]), networks.finish(patches)[:1])


def test_a_changed_weights_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(weights_folder(), tmp_path, dirs_exist_ok=True)
    (tmp_path / "pnet.lz4").write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    monkeypatch.setattr(module, "weights_folder", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FauxfaceError, match=r"pnet\.lz4: is not the weights file"):
        load_weights("pnet")
    (tmp_path / "rnet.lz4").unlink()
    with pytest.raises(FauxfaceError, match=r"rnet\.lz4: .* cannot be read"):
        load_weights("rnet")
    assert not (tmp_path / "opened").exists()


def test_weights_in_the_working_directory_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pnet", "rnet", "onet"):
        (tmp_path / f"{name}.lz4").write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    monkeypatch.chdir(tmp_path)
    assert [len(load_weights(name)) for name in ("pnet", "rnet", "onet")] == [13, 16, 21]
    assert not (tmp_path / "opened").exists()


def test_detection_imports_neither_tensorflow_nor_keras_nor_the_package(project: Path) -> None:
    code = (
        "import json, sys; from tasks.detection.onepass import shared_detector; from tasks.params import CropParams;"
        "shared_detector(CropParams());"
        "print(json.dumps([name for name in ('tensorflow', 'keras', 'mtcnn', 'prefect') if name in sys.modules]))"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=project, text=True)
    assert json.loads(output.stdout) == []
