"""Anybody's detector: a Python file with `predict(path)`, or a network with a description of its input beside it."""

from __future__ import annotations

import importlib.util
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from tasks.imaging.encode import encode_png
from tasks.imaging.resize import resize_to
from tasks.inference import openvino
from tasks.network_input import NetworkInput
from tasks.params import FauxfaceError
from tasks.params.plain_yaml import read_yaml

Pixels = NDArray[np.uint8]
Answer = float | str  # p_fake, or why there is none

NETWORKS = (".onnx", ".xml")


class DetectorNetwork(NetworkInput):
    """What a network takes and gives, as the YAML file beside it says (`detector.onnx.yaml`).

    `gives` says what the number at `index` of the output `output` is: a probability of fake, the logit of one, or the
    probability of real.
    """

    size: int = Field(ge=1, le=4096)
    output: int = Field(0, ge=0)
    index: int = Field(0, ge=0)
    gives: Literal["probability", "logit", "real_probability"] = "probability"


@dataclass(frozen=True)
class Detector:
    """A detector by name; `score` gives for crops (side, side, 3) RGB of any side an answer each, and never raises."""

    name: str
    score: Callable[[Sequence[Pixels]], list[Answer]]


def open_detector(path: Path) -> Detector:
    """Return the detector in a .py, .onnx or .xml file, whose code is run; raises FauxfaceError where it is none."""
    if not path.is_file():
        raise FauxfaceError(f"{path}: there is no such detector. Name a .py, .onnx or .xml file.")
    if path.suffix == ".py":
        return Detector(path.stem, _python(path))
    if path.suffix in NETWORKS:
        return Detector(path.stem, _network(path))
    raise FauxfaceError(f"{path}: is no detector; it is a .py file with predict(path), an .onnx or OpenVINO's .xml.")


def _python(path: Path) -> Callable[[Sequence[Pixels]], list[Answer]]:
    spec = importlib.util.spec_from_file_location(f"detector_{path.stem}", path)
    module = importlib.util.module_from_spec(spec) if spec else None
    try:
        spec.loader.exec_module(module)  # type: ignore[union-attr,arg-type]
    except Exception as error:
        raise FauxfaceError(f"{path}: cannot be imported ({type(error).__name__}: {error}).") from error
    predict = getattr(module, "predict", None)
    if not callable(predict):
        raise FauxfaceError(f"{path}: has no function predict(path), which returns the probability of fake.")

    def score(crops: Sequence[Pixels]) -> list[Answer]:
        with tempfile.TemporaryDirectory(prefix="fauxface-detector-") as folder:
            return [_asked(predict, crop, Path(folder, f"{number:06d}.png")) for number, crop in enumerate(crops)]

    return score


def _asked(predict: Callable[[str], Any], crop: Pixels, path: Path) -> Answer:
    path.write_bytes(encode_png(crop))
    try:
        return _probability(float(predict(str(path))))
    except Exception as error:  # noqa: BLE001 - whatever somebody's code does, it is this face's row
        return f"{type(error).__name__}: {error}"
    finally:
        path.unlink(missing_ok=True)


def _network(path: Path) -> Callable[[Sequence[Pixels]], list[Answer]]:
    takes = _description(path.with_name(f"{path.name}.yaml"))
    try:
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        network = openvino.Core().compile_model(openvino.Core().read_model(path), "CPU", settings)
    except RuntimeError as error:
        raise FauxfaceError(f"{path}: OpenVINO cannot use it ({str(error).strip().splitlines()[-1]}).") from None

    def one(crop: Pixels) -> Answer:
        try:
            output = np.asarray(network(_prepared(crop, takes))[takes.output], np.float64).reshape(-1)
            return _probability(_meant(float(output[takes.index]), takes.gives))
        except (RuntimeError, IndexError) as error:
            return f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}"

    return lambda crops: [one(crop) for crop in crops]


def _description(path: Path) -> DetectorNetwork:
    try:
        return DetectorNetwork.model_validate(read_yaml(path.read_text(encoding="utf-8"), str(path)))
    except OSError:
        raise FauxfaceError(
            f"{path}: is missing. It says what the network takes, as in: {{size: 224, layout: nchw, gives: logit}}."
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise FauxfaceError(f"{path}: {'.'.join(map(str, first['loc'])) or 'content'}: {first['msg']}.") from None


def _prepared(crop: Pixels, takes: DetectorNetwork) -> NDArray[np.float32]:
    pixels = resize_to(crop, takes.size)[..., :: -1 if takes.channels == "bgr" else 1].astype(np.float32)
    values = ((pixels / takes.divide - np.array(takes.mean)) / np.array(takes.std)).astype(np.float32)
    return np.ascontiguousarray((values.transpose(2, 0, 1) if takes.layout == "nchw" else values)[np.newaxis])


def _meant(value: float, gives: str) -> float:
    if gives == "logit":
        return 1 / (1 + math.exp(-max(min(value, 700.0), -700.0)))
    return 1 - value if gives == "real_probability" else value


def _probability(value: float) -> Answer:
    return value if 0 <= value <= 1 else f"{value:g} is no probability from 0 to 1"
