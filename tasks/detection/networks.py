"""P-Net, R-Net and O-Net of MTCNN (Zhang et al., 2016, arXiv:1604.02878) as OpenVINO graphs.

Three things differ from the package's Keras networks, none of them in what is computed: pictures come in as uint8 and
the normalisation (x - 127.5) / 128 is folded into the first convolution; the two-way softmax is one logit, the
difference of its inputs; the heads share one matrix. Outputs equal the package's to 1e-4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from openvino import opset13 as op

from tasks.detection.weights import Network, load_weights
from tasks.inference import openvino as ov
from tasks.params import FauxfaceError

Float = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Precision = Literal["f32", "bf16"]

MEAN, SPREAD = 127.5, 128.0
# Patches go in pieces of these sizes, the last one filled up to the smallest: each size is a graph of its own, since a
# graph of any size takes OpenVINO .3 to .5 ms, the time of several patches, whenever the size changes.
# Between these sizes no bit of an output differs, but a graph for a single patch computes in another order.
PIECES: dict[Network, tuple[int, ...]] = {"rnet": (32, 8), "onet": (16, 4)}
SIDE: dict[Network, int] = {"rnet": 24, "onet": 48}


class Networks:
    """The three networks, P-Net in two forms, for one caller at a time: they compute in its thread.

    With several streams in one compiled network OpenVINO would hand each call to a thread of its own and back.
    `precision` is `f32`, or `bf16` where speed matters more than the last digits. Raises FauxfaceError where the
    processor has no bf16: it would be imitated, slower than f32.
    """

    def __init__(self, precision: Precision = "f32") -> None:
        self._core = ov.Core()
        if precision == "bf16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise FauxfaceError("crop.precision: this processor has no bf16; set f32.")
        self._settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        self._proposing = {step: self._compile(pnet_graph(step)) for step in (1, 2)}
        self._graphs: dict[Network, ov.Model] = {"rnet": rnet_graph(), "onet": onet_graph()}
        self._looking: dict[tuple[Network, int], Any] = {}

    def propose(self, picture: Pixels, *, sparse: bool = False) -> Float:
        """Run P-Net on a picture (height, width, 3); returns (5, rows, columns): four box offsets and the logit.

        `sparse`: only every second window of every second row, in two thirds of the time.
        The array is the network's own output buffer: use it before the next call.
        """
        request = self._proposing[2 if sparse else 1]
        outputs: Float = request.infer([picture[None]], share_inputs=True, share_outputs=True)[0]
        picture_outputs: Float = outputs[0]
        return picture_outputs

    def refine(self, patches: Pixels) -> Float:
        """Run R-Net on patches (n, 24, 24, 3); returns (n, 5): four box offsets and the logit."""
        return self._in_pieces("rnet", patches, 5)

    def finish(self, patches: Pixels) -> Float:
        """Run O-Net on patches (n, 48, 48, 3); returns (n, 15): box offsets, five x, five y, the logit."""
        return self._in_pieces("onet", patches, 15)

    def _in_pieces(self, name: Network, patches: Pixels, columns: int) -> Float:
        result = np.empty((len(patches), columns), np.float32)
        start = 0
        while start < len(patches):
            left = len(patches) - start
            size = next((size for size in PIECES[name] if size <= left), PIECES[name][-1])
            piece = _filled_up(patches[start : start + size], size)
            outputs = self._request(name, size).infer([piece], share_inputs=True, share_outputs=True)[0]
            result[start : start + size] = outputs[:left]
            start += size
        return result

    def _compile(self, graph: ov.Model) -> Any:
        return self._core.compile_model(graph, "CPU", self._settings).create_infer_request()

    def _request(self, name: Network, size: int) -> Any:
        """Return the request for so many patches, compiled when it is first needed."""
        if (name, size) not in self._looking:
            graph = self._graphs[name].clone()
            graph.reshape([size, SIDE[name], SIDE[name], 3])
            self._looking[name, size] = self._compile(graph)
        return self._looking[name, size]


def _filled_up(patches: Pixels, size: int) -> Pixels:
    """Return the patches with zeros after them, up to `size`."""
    if size == len(patches):
        return patches
    filled = np.zeros((size, *patches.shape[1:]), np.uint8)
    filled[: len(patches)] = patches
    return filled


def pnet_graph(step: int = 1) -> ov.Model:
    """Return P-Net for one uint8 picture (1, height, width, 3) of any size from 12; output (1, 5, rows, columns).

    With a `step` it computes only every so many-th window of every so many-th row.
    """
    weights = load_weights("pnet")
    picture = op.parameter([1, -1, -1, 3], np.uint8, name="picture")
    x = _conv(_to_planes(picture), *_normalising(weights[0], weights[1]), weights[2])
    x = _max_pool(x, 2)
    x = _conv(x, *weights[3:6])
    x = _conv(x, *weights[6:9], step=step)
    kernel, bias = _heads([weights[9:11]], weights[11:13])
    return ov.Model([_conv(x, kernel, bias)], [picture], "pnet")


def rnet_graph() -> ov.Model:
    """Return R-Net for uint8 patches (n, 24, 24, 3); output (n, 5)."""
    weights = load_weights("rnet")
    patches = op.parameter([-1, 24, 24, 3], np.uint8, name="patches")
    x = _conv(_to_planes(patches), *_normalising(weights[0], weights[1]), weights[2])
    x = _conv(_max_pool(x, 3), *weights[3:6])
    x = _conv(_max_pool(x, 3, "valid"), *weights[6:9])
    x = _dense(_flat(x), *weights[9:12])
    return ov.Model([_dense(x, *_heads([weights[12:14]], weights[14:16]))], [patches], "rnet")


def onet_graph() -> ov.Model:
    """Return O-Net for uint8 patches (n, 48, 48, 3); output (n, 15)."""
    weights = load_weights("onet")
    patches = op.parameter([-1, 48, 48, 3], np.uint8, name="patches")
    x = _conv(_to_planes(patches), *_normalising(weights[0], weights[1]), weights[2])
    x = _conv(_max_pool(x, 3), *weights[3:6])
    x = _conv(_max_pool(x, 3, "valid"), *weights[6:9])
    x = _conv(_max_pool(x, 2), *weights[9:12])
    x = _dense(_flat(x), *weights[12:15])
    return ov.Model([_dense(x, *_heads([weights[15:17], weights[17:19]], weights[19:21]))], [patches], "onet")


def _normalising(kernel: Float, bias: Float) -> tuple[Float, Float]:
    """Fold (x - 127.5) / 128 into a convolution without padding."""
    total = kernel.sum(axis=(0, 1, 2), dtype=np.float64)
    return kernel / np.float32(SPREAD), (bias - MEAN / SPREAD * total).astype(np.float32)


def _heads(regressions: Sequence[Sequence[Float]], softmax: Sequence[Float]) -> tuple[Float, Float]:
    """Join the linear heads and, as the last column, the logit of the two-way softmax: face minus not face."""
    kernels = [kernel for kernel, _ in regressions] + [softmax[0][..., 1:] - softmax[0][..., :1]]
    biases = [bias for _, bias in regressions] + [softmax[1][1:] - softmax[1][:1]]
    return np.concatenate(kernels, axis=-1), np.concatenate(biases)


def _to_planes(pixels: ov.Node) -> ov.Node:
    return op.transpose(op.convert(pixels, "f32"), op.constant([0, 3, 1, 2]))


def _conv(x: ov.Node, kernel: Float, bias: Float, slope: Float | None = None, *, step: int = 1) -> ov.Node:
    """Convolution without padding, kernel (height, width, in, out), then PReLU where there is a slope."""
    filters = op.constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
    x = op.convolution(x, filters, [step, step], [0, 0], [0, 0], [1, 1])
    x = op.add(x, op.constant(bias.reshape(1, -1, 1, 1)))
    return x if slope is None else op.prelu(x, op.constant(slope.reshape(-1)))


def _max_pool(x: ov.Node, size: int, padding: Literal["same_upper", "valid"] = "same_upper") -> Any:
    pooled = op.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [size, size], "floor", padding)
    return pooled.output(0)


def _dense(x: ov.Node, kernel: Float, bias: Float, slope: Float | None = None) -> ov.Node:
    x = op.add(op.matmul(x, op.constant(np.ascontiguousarray(kernel)), False, False), op.constant(bias[None]))
    return x if slope is None else op.prelu(x, op.constant(slope.reshape(-1)))


def _flat(x: ov.Node) -> ov.Node:
    """Flatten as the package does: column by column, channels innermost."""
    columns_first = op.transpose(x, op.constant([0, 3, 2, 1]))
    return op.reshape(columns_first, op.constant([0, -1]), True)
