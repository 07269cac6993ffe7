"""The trained network for inference: OpenVINO, loaded in a fraction of a second, without Keras."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from tasks.imaging.resize import resize_to
from tasks.params import FauxfaceError
from tasks.params.models import Precision
from tasks.scoring.card import SCORER, ModelCard, load_card


class Classifier:
    """A verified model that gives logits and calibrated probabilities for crops; safe to call from several threads."""

    def __init__(self, card: ModelCard, compiled: openvino.CompiledModel) -> None:
        self.card = card
        self._requests = openvino.AsyncInferQueue(compiled)
        self._requests.set_callback(_keep_logits)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, model: Path, threads: int = 0, precision: Precision = "f32") -> Classifier:
        """Load the model in the folder `model` onto `threads` CPU threads (0: all of them), to compute at `precision`.

        Raises FauxfaceError when the folder holds no model or a file differs from what its card says.
        """
        card = load_card(model)
        return cls(card, compile_scorer(model / SCORER, card.input_size, threads, precision))

    def logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logit of each crop, (n,) float32; `crops` are (n, side, side, 3) uint8 RGB of any side."""
        logits = np.empty(len(crops), np.float32)
        with self._lock:
            for position, crop in enumerate(crops):
                face = resize_to(crop, self.card.input_size)
                self._requests.start_async({0: face[np.newaxis]}, logits[position : position + 1])
            self._requests.wait_all()
        return logits

    def p_fake(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the calibrated probability of being fake of each crop, (n,) float32."""
        return self.calibrated(self.logits(crops))

    def calibrated(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the calibrated probabilities, (n,) float32, that belong to logits."""
        return probability(logits, self.card.temperature)


def probability(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """Return sigmoid(logit / temperature), (n,) float32, without overflow."""
    scaled = np.asarray(logits, np.float64) / temperature
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scaled)), np.float32)


def compile_scorer(path: Path, size: int, threads: int = 0, precision: Precision = "f32") -> openvino.CompiledModel:
    """Compile an exported scorer for the CPU, one image of `size` pixels at a time on several streams.

    The maps of one image stay in a processor's caches, those of a batch do not: eight at a time take a tenth to a third
    longer. And a face's score cannot depend on which faces it is scored with.

    Left to itself OpenVINO computes in bf16 on CPUs with AMX, which moves verdicts; on a CPU without bf16 it computes
    at f32 whatever it is told.
    """
    settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
    if threads > 0:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    try:
        core = openvino.Core()
        model = core.read_model(path)
        model.reshape([1, size, size, 3])
        return core.compile_model(_taking_bytes(model), "CPU", settings)
    except RuntimeError as error:
        raise FauxfaceError(f"{path}: OpenVINO cannot use it ({str(error).strip().splitlines()[-1]}).") from None


def _taking_bytes(model: openvino.Model) -> openvino.Model:
    """Let the network take uint8 pixels, converted as the first step of the graph: a quarter of the memory moved."""
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8)
    return steps.build()


def _keep_logits(request: openvino.InferRequest, logits: NDArray[np.float32]) -> None:
    logits[:] = request.get_output_tensor(0).data.reshape(-1)
