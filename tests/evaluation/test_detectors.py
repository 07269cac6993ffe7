"""Anybody's detector: its answers are its own, its failures its rows, and its figures those of its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pandas as pd
import pytest
from numpy.typing import NDArray
from openvino import opset13

from tasks.evaluation.compared import compare_detector
from tasks.evaluation.detectors import Detector, open_detector
from tasks.imaging.encode import encode_png
from tasks.manifests.parts import write_part
from tasks.manifests.schemas import FACES, shard_name
from tasks.params import EvaluateParams, FauxfaceError

PYTHON = """
import cv2
def predict(path):
    red = cv2.imread(path)[..., 2].mean() / 255
    if red > 0.95:
        raise ValueError("too red")
    return float("nan") if red < 0.05 else red
"""


def plain(*colour: int) -> NDArray[np.uint8]:
    return np.full((16, 16, 3), colour, np.uint8)


def test_a_python_file_is_asked_about_files_and_what_goes_wrong_is_that_face_s(tmp_path: Path) -> None:
    (tmp_path / "red.py").write_text(PYTHON)
    found = open_detector(tmp_path / "red.py")
    assert found.name == "red"
    answers = found.score([plain(204, 0, 0), plain(255, 0, 0), plain(0, 0, 0), plain(51, 9, 9)])
    assert answers[0] == pytest.approx(0.8)
    assert answers[1] == "ValueError: too red"
    assert "nan" in str(answers[2])
    assert answers[3] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.py", "x = 1\n", "no function predict"),
        ("a.py", "import nothing_of_this_name\n", "cannot be imported"),
        ("a.pt", "", "is no detector"),
        ("a.onnx", "no network", "a.onnx.yaml: is missing"),
    ],
)
def test_what_is_no_detector_is_said(tmp_path: Path, name: str, text: str, reason: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FauxfaceError, match=reason):
        open_detector(tmp_path / name)
    with pytest.raises(FauxfaceError, match="no such detector"):
        open_detector(tmp_path / "gone.py")


def network(path: Path, layout: str) -> Path:
    """A network that gives the mean of the first channel, twice."""
    shape, axes = ([1, 3, 8, 8], [2, 3]) if layout == "nchw" else ([1, 8, 8, 3], [1, 2])
    data = opset13.parameter(shape, np.float32, name="pixels")
    means = opset13.reduce_mean(data, opset13.constant(np.array(axes)), False)
    openvino.save_model(openvino.Model([means], [data], "means"), path, compress_to_fp16=False)
    return path


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_a_network_gets_its_pixels_as_described(tmp_path: Path, layout: str, channels: str) -> None:
    path = network(tmp_path / "net.xml", layout)
    said = f"{{size: 8, layout: {layout}, channels: {channels}, mean: [0.1, 0, 0], std: [2, 1, 1]}}"
    (tmp_path / "net.xml.yaml").write_text(said)
    [answer] = open_detector(path).score([plain(204, 9, 102)])
    first = 204 if channels == "rgb" else 102
    assert answer == pytest.approx((first / 255 - 0.1) / 2, abs=1e-5)


def test_what_a_network_gives_is_read_as_described(tmp_path: Path) -> None:
    path = network(tmp_path / "net.xml", "nhwc")
    answers = {}
    for gives in ("probability", "real_probability", "logit"):
        (tmp_path / "net.xml.yaml").write_text(f"{{size: 8, layout: nhwc, gives: {gives}, index: 1}}")
        [answers[gives]] = open_detector(path).score([plain(0, 204, 0)])
    assert answers["probability"] == pytest.approx(0.8, abs=1e-6)
    assert answers["real_probability"] == pytest.approx(0.2, abs=1e-6)
    assert answers["logit"] == pytest.approx(1 / (1 + np.exp(-0.8)), abs=1e-6)
    (tmp_path / "net.xml.yaml").write_text("{size: 8, layout: nhwc, index: 7}")
    [answer] = open_detector(path).score([plain(0, 0, 0)])
    assert str(answer).startswith("IndexError")
    (tmp_path / "net.xml.yaml").write_text("{size: 8, layout: sideways}")
    with pytest.raises(FauxfaceError, match=r"net\.xml\.yaml: layout"):
        open_detector(path)


def rows(folder: Path, dataset: str, n: int, trained_on: bool) -> pd.DataFrame:
    """Faces whose red tells how fake they are, every tenth too red to be asked about."""
    random = np.random.default_rng(len(dataset))
    labels = np.arange(n) % 2
    red = np.where(np.arange(n) % 10 == 9, 255, np.clip(80 + 90 * labels + random.normal(0, 20, n), 30, 230)).astype(
        int
    )
    stored = [
        {**dict.fromkeys(FACES.names), "face_id": f"{dataset}{i}", "image_id": f"{dataset}{i}", "dataset": dataset,
         "member": f"{i}.png", "face_index": 0, "image": {"bytes": encode_png(plain(red[i], 90, 90)), "path": None}}
        for i in range(n)
    ]  # fmt: skip
    write_part(folder / dataset / shard_name(0), stored, FACES, {})
    facts: dict[str, Any] = {
        "face_id": [f"{dataset}{i}" for i in range(n)],
        "member": [f"{i}.png" for i in range(n)],
        "group": [f"{dataset}{i // 2}" for i in range(n)],
        "row": np.arange(n),
    }
    judged = {"p_fake": 0.5, "p_trivial": 0.5, "is_fake": False, "is_fake_few_alarms": False, "verdict": "unsure"}
    return pd.DataFrame({**facts, "dataset": dataset, "shard": 0, "label": labels, "trained_on": trained_on, **judged})


def test_it_is_measured_on_what_it_answers_with_a_threshold_from_validation_faces(tmp_path: Path) -> None:
    (tmp_path / "red.py").write_text(PYTHON)
    valid = rows(tmp_path, "valid", 60, True)
    test = pd.concat([rows(tmp_path, "home", 60, True), rows(tmp_path, "away", 40, False)], ignore_index=True)
    told: list[int] = []
    params = EvaluateParams(bootstrap=100, perturbed=10)
    found = compare_detector(open_detector(tmp_path / "red.py"), valid, test, tmp_path, 75, 0.5, params, told.append)
    assert found.report["failed"] == {"valid": 6, "test": 10}
    assert found.report["errors"] == {"ValueError: too red": 16}
    assert 0.3 < found.report["threshold"] < 0.7
    lines = {(line["kind"], line["name"]): line for line in found.report["headline"]["lines"]}
    assert lines["trained_on", "home"]["n"] == 54
    assert lines["held_out", "away"]["roc_auc"] > 0.9
    assert {cell["name"] for cell in found.report["grid"]["sets"]["trained_on"]["cells"]} >= {"grey", "JPEG 30"}
    assert any(kind == "worst_perturbation" for kind, _ in lines)
    assert len(found.rows) == 100
    assert found.rows["error"].notna().sum() == found.rows["p_fake"].isna().sum() == 10
    assert sum(told) >= 160


def test_a_detector_that_answers_nothing_is_an_error_with_its_reason(tmp_path: Path) -> None:
    valid = rows(tmp_path, "valid", 20, True)
    broken = Detector("broken", lambda crops: ["OSError: no weights"] * len(crops))
    arguments: dict[str, Any] = {"reencode": None, "baseline_threshold": 0.5, "params": EvaluateParams(bootstrap=100)}
    with pytest.raises(FauxfaceError, match=r"broken: has answers .*OSError: no weights"):
        compare_detector(broken, valid, valid, tmp_path, **arguments, progress=lambda _: None)
