"""The trained network for inference: OpenVINO, loaded in a fraction of a second, without Keras."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.resize import resize_to
from tasks.inference import openvino
from tasks.params import FauxfaceError
from tasks.params.models import Precision
from tasks.scoring.card import FAMILIAR, SCORER, ModelCard, load_card
from tasks.scoring.familiar import Familiarity
from tasks.scoring.guard import refuse_unfit
from tasks.scoring.verdict import FaceScore, Judge

# OpenVINO's convolutions for AVX2 whose maps have their channels in groups of eight. Left to itself it takes others,
# whose maps have them last: with these `default` scores 1.12 times as many faces a second (OpenVINO 2026.4).
BY_GROUPS = {"Convolution": "cpu:jit_avx2_1x1,cpu:jit_avx2", "GroupConvolution": "cpu:jit_avx2_dw"}
# (n, side, side, 3), or one after the other.
Crops = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]
Outputs = tuple[NDArray[np.float32], NDArray[np.float32] | None]
AVX2, AVX512F = 11, 13  # OpenCV's numbers, which Python is not told by name


class Seen(NamedTuple):
    """What a network gives for n crops: `logits` (n,), and what they are made of, `features` (n, d), if it tells."""

    logits: NDArray[np.float32]
    features: NDArray[np.float32] | None


class Classifier:
    """A verified model that gives logits and calibrated probabilities for crops; safe to call from several threads."""

    def __init__(self, card: ModelCard, scorer: Scorer, familiarity: Familiarity | None = None) -> None:
        self.card = card
        self._scorer = scorer
        self._familiarity = familiarity

    @classmethod
    def load(cls, model: Path, threads: int = 0, precision: Precision = "f32") -> Classifier:
        """Load the model in the folder `model` onto `threads` CPU threads (0: all of them), to compute at `precision`.

        Raises FauxfaceError when the folder holds no model or a file differs from what its card says.
        """
        card = load_card(model)
        familiarity = Familiarity.load(model / FAMILIAR) if FAMILIAR in card.files else None
        return cls(card, Scorer(model / SCORER, card.input_size, threads, precision), familiarity)

    def logits(self, crops: Crops) -> NDArray[np.float32]:
        """Return the logit of each crop, (n,) float32; `crops` are (n, side, side, 3) uint8 RGB of any side."""
        return np.array([output[0] for output in self._scorer.begin(crops)], np.float32)

    def seen(self, crops: NDArray[np.uint8]) -> Seen:
        """Return what the network makes of crops as in `logits`."""
        if not len(crops):
            return Seen(np.empty(0, np.float32), None)
        outputs, features = zip(*self._scorer.begin_all(crops), strict=True)
        known = None if features[0] is None else np.stack(features)
        return Seen(np.array([output[0] for output in outputs], np.float32), known)

    def distances(self, seen: Seen) -> NDArray[np.float32] | None:
        """Return how far crops are from the faces trained on, (n,) float32; None where the model cannot tell."""
        if self._familiarity is None or seen.features is None:
            return None
        return self._familiarity.distance(seen.features)

    def judged(self, crops: NDArray[np.uint8], qualities: Sequence[float], judge: Judge) -> list[FaceScore]:
        """Return score and answer for each crop as in `logits`, of faces with these qualities."""
        seen = self.seen(crops)
        found = self.distances(seen)
        distances = [None] * len(crops) if found is None else found.tolist()
        scores = zip(self.calibrated(seen.logits).tolist(), distances, qualities, strict=True)
        return [FaceScore(*score[:2], judge.answer(*score)) for score in scores]

    def p_fake(self, crops: Crops) -> NDArray[np.float32]:
        """Return the calibrated probability of being fake of each crop, (n,) float32."""
        return self.calibrated(self.logits(crops))

    def calibrated(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the calibrated probabilities, (n,) float32, that belong to logits."""
        return probability(logits, self.card.temperature)


class Scorer:
    """An exported network, compiled for each of its threads, in which it computes one image at a time.

    The maps of one image stay in a processor's caches, those of a batch do not: eight at a time take a tenth to a third
    longer. And a face's score cannot depend on which faces it is scored with. OpenVINO's own queue of requests is not
    used: a training hung where that was dropped right after its use, with a callback waiting (OpenVINO 2026.4).
    """

    def __init__(self, path: Path, size: int, threads: int = 0, precision: Precision = "f32") -> None:
        """Compile scorer.xml at `path` for images of `size` pixels onto `threads` CPU threads, 0: all of them.

        Left to itself OpenVINO computes in bf16 on CPUs with AMX, which moves verdicts; on a CPU without bf16 it
        computes at f32 whatever it is told. Raises FauxfaceError when OpenVINO cannot use the file.
        """
        self._size = size
        threads = threads or len(os.sched_getaffinity(0))
        settings = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1}
        settings["ENABLE_CPU_PINNING"] = False
        try:
            core = openvino.Core()
            model = core.read_model(_preferring(BY_GROUPS, path), path.with_suffix(".bin").read_bytes())
            refuse_unfit(model, path, size)
            model.reshape([1, size, size, 3])
            model = _taking_bytes(model)
            with ThreadPoolExecutor(threads) as compiling:  # a start costs as long as one copy takes
                copies = compiling.map(lambda _: core.compile_model(model, "CPU", settings), range(threads))
                requests = [copy.create_infer_request() for copy in copies]
        except (RuntimeError, ElementTree.ParseError) as error:
            raise FauxfaceError(f"{path}: OpenVINO cannot use it ({str(error).strip().splitlines()[-1]}).") from None
        self._free: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for request in requests:
            self._free.put(request)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="scorer")

    def begin(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        """Begin with all `images` (side, side, 3) RGB of any side; yields the output (channels,) of each, in order."""
        return (output for output, _ in self.begin_all(images))

    def begin_all(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[Outputs]:
        """Begin as `begin` does; yields of each image the output, and the features (d,) where the network has them."""
        return self._pool.map(self._outputs, images)

    def _outputs(self, image: NDArray[np.uint8]) -> Outputs:
        request = self._free.get()
        try:
            face = resize_to(image, self._size)
            found = request.infer([face[np.newaxis]], share_inputs=True, share_outputs=True)
            output, *features = (np.array(found[place][0], np.float32) for place in range(len(found)))
            return output, features[0] if features else None
        finally:
            self._free.put(request)


def probability(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """Return sigmoid(logit / temperature), (n,) float32, without overflow, and exact however near to 0."""
    scaled = np.asarray(logits, np.float64) / temperature
    return np.asarray(np.exp(-np.logaddexp(0.0, -scaled)), np.float32)


def _preferring(kernels: Mapping[str, str], path: Path) -> bytes:
    """Return scorer.xml at `path`, preferring `kernels` for each type of layer where the CPU has AVX2 and no AVX-512.

    Elsewhere OpenVINO has others, among which it chooses by itself. A kernel that cannot compute a layer is passed
    over.
    """
    xml = path.read_bytes()
    if cv2.checkHardwareSupport(AVX512F) or not cv2.checkHardwareSupport(AVX2):
        return xml
    graph = ElementTree.fromstring(xml)  # noqa: S314 (our own export, whose hash is in the card; expat limits expansion)
    for layer in graph.iter("layer"):
        if layer.get("type") in kernels:
            notes = layer.find("rt_info")
            notes = ElementTree.SubElement(layer, "rt_info") if notes is None else notes
            preferred = {"name": "primitives_priority", "version": "0", "value": kernels[layer.attrib["type"]]}
            ElementTree.SubElement(notes, "attribute", preferred)
    return ElementTree.tostring(graph)


def _taking_bytes(model: openvino.Model) -> openvino.Model:
    """Let the network take uint8 pixels, converted as the first step of the graph: a quarter of the memory moved."""
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8)
    return steps.build()
