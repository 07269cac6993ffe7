"""How the layers behind a network's maps hand a sum of coefficients times values on to what they are computed from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.params import FauxfaceError

Array = NDArray[np.float64]
Values = dict[str, NDArray[Any]]
# The inputs to go on with, each with its coefficients, and what is constant of the sum, as parts of the first of them.
Split = tuple[list[tuple[str, Array]], Array | None]
Shares = list[tuple[str, Array]]

# A convolution of single pixels: it mixes channels and leaves positions alone.
POINTWISE = "pointwise"


class NotLinearError(FauxfaceError):
    """The network has a layer between its maps and the logit whose output is no sum of its inputs."""


@dataclass(frozen=True)
class Node:
    """A layer by name and kind, with its inputs; `constant` is its value where that is the same for every picture."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    constant: NDArray[Any] | None
    attributes: dict[str, Any]


def sources(node: Node, nodes: dict[str, Node]) -> list[str]:
    """Return the inputs of `node` that its value is a sum of; raises NotLinearError where it is none of any."""
    if node.kind not in _RULES:
        raise NotLinearError(f"the layer {node.name} ({node.kind}) between the last maps and the logit is not linear")
    varying = [name for name in node.inputs if nodes[name].constant is None]
    if node.kind == "Divide":
        return [node.inputs[0]]
    if node.kind == "MatMul":
        if len(set(varying)) > 1:
            raise NotLinearError(f"the layer {node.name} multiplies two values that both depend on the picture")
        return varying[:1]
    if node.kind == "Multiply" and len(varying) > 1:
        raise NotLinearError(f"the layer {node.name} multiplies two values that both depend on the picture")
    return list(node.inputs) if node.kind in ("Add", "Subtract", "Concat") else varying[:1]


def split(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    """Return how the sum of `coefficient` times the value of `node` is a sum over its inputs `walked`, and what is not.

    That is constant: a feature's mean over the faces trained on, a bound at which a value was clipped. It is of the
    shape of the first input.
    """
    return _RULES[node.kind](node, walked, coefficient, values)


def spread_evenly(node: Node, walked: Sequence[str], amount: Array, values: Values) -> Shares:
    """Return how an amount that belongs to the values of `node`, whatever they are, is shared among its inputs.

    By weight, and evenly over the positions that a mean is taken of: so it lands where the feature is looked for.
    """
    if node.kind in _EVENLY:
        return [(walked[0], _EVENLY[node.kind](node, amount, values[walked[0]], values))]
    if node.kind in ("Add", "Subtract"):
        varying = [name for name in walked if values[name].shape == amount.shape] or list(walked)
        return [(name, _summed(amount / len(varying), values[name].shape)) for name in varying]
    return split(node, walked, amount, values)[0]


def _kept(_node: Node, amount: Array, before: NDArray[Any], _values: Values) -> Array:
    return _summed(amount, before.shape)


def _over_all(node: Node, amount: Array, before: NDArray[Any], values: Values) -> Array:
    kept = _with_axes(node, amount, values)
    return np.broadcast_to(kept * (kept.size / before.size), before.shape)


def _over_what_is_there(node: Node, amount: Array, before: NDArray[Any], values: Values) -> Array:
    axes = tuple(_axes(node, values, before.ndim))
    weight = np.abs(before)
    return np.asarray(
        _with_axes(node, amount, values) * weight / np.maximum(weight.sum(axis=axes, keepdims=True), _TINY)
    )


def _by_weight(node: Node, amount: Array, before: NDArray[Any], values: Values) -> Array:
    if node.inputs[0] == node.inputs[1]:
        return np.full(before.shape, amount.sum() / before.size)
    flips = (node.attributes["transpose_a"], node.attributes["transpose_b"])
    first, second = (np.abs(_flipped(values[name], flip)) for name, flip in zip(node.inputs, flips, strict=True))
    if values[node.inputs[0]] is before:
        share = (amount / np.maximum(second.sum(axis=-2, keepdims=True), _TINY)) @ np.swapaxes(second, -1, -2)
        return _summed(_flipped(share, flips[0]), before.shape)
    share = np.swapaxes(first, -1, -2) @ (amount / np.maximum(first.sum(axis=-1, keepdims=True), _TINY))
    return _summed(_flipped(share, flips[1]), before.shape)


def _by_kernel(node: Node, amount: Array, _before: NDArray[Any], values: Values) -> Array:
    kernel = np.abs(values[node.inputs[1]][:, :, 0, 0])
    shares = kernel / np.maximum(kernel.sum(axis=1, keepdims=True), _TINY)
    return np.asarray(np.einsum("nohw,oi->nihw", amount, shares))


def _moved(_node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    return [(walked[0], coefficient.reshape(values[walked[0]].shape))], None


def _transposed(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    return [(walked[0], coefficient.transpose(np.argsort(values[node.inputs[1]].astype(int))))], None


def _sliced(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    """What was cut away adds nothing."""
    start, stop, step, *axes = (values[name].astype(int).tolist() for name in node.inputs[1:])
    whole = np.zeros(values[walked[0]].shape)
    index = [slice(None)] * whole.ndim
    for axis, bounds in zip(axes[0] if axes else range(len(start)), zip(start, stop, step, strict=True), strict=True):
        index[axis] = slice(*bounds)
    whole[tuple(index)] = coefficient
    return [(walked[0], whole)], None


def _joined(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    axis = int(node.attributes["axis"])
    ends = np.cumsum([values[name].shape[axis] for name in walked])[:-1]
    return list(zip(walked, np.split(coefficient, ends, axis), strict=True)), None


def _added(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    signs = (1.0, -1.0 if node.kind == "Subtract" else 1.0)
    pairs = zip(walked, signs, strict=True)
    return [(name, _summed(sign * coefficient, values[name].shape)) for name, sign in pairs], None


def _multiplied(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    factor = values[next(name for name in node.inputs if name != walked[0])]
    return [(walked[0], _summed(coefficient * factor, values[walked[0]].shape))], None


def _divided(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    return [(walked[0], _summed(coefficient / values[node.inputs[1]], values[walked[0]].shape))], None


def _product(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    """Of two factors that are one value the second is held fixed: so products are shared out by position."""
    flips = (node.attributes["transpose_a"], node.attributes["transpose_b"])
    first, second = (_flipped(values[name], flip) for name, flip in zip(node.inputs, flips, strict=True))
    is_first = walked[0] == node.inputs[0]
    share = coefficient @ np.swapaxes(second, -1, -2) if is_first else np.swapaxes(first, -1, -2) @ coefficient
    return [(walked[0], _summed(_flipped(share, flips[not is_first]), values[walked[0]].shape))], None


def _standardised(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    scale, shift, mean, variance = (_by_channel(values[name], coefficient.ndim) for name in node.inputs[1:])
    slope = scale / np.sqrt(variance + float(node.attributes["epsilon"]))
    return [(walked[0], coefficient * slope)], coefficient * (shift - mean * slope)


def _clipped(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    """Where a value was clipped its bound is a constant."""
    before, after = values[walked[0]], values[node.name]
    whole = before == after
    return [(walked[0], coefficient * whole)], coefficient * after * ~whole


def _averaged(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    shape = values[walked[0]].shape
    kept = _with_axes(node, coefficient, values)
    count = np.prod(shape) / kept.size if node.kind == "ReduceMean" else 1.0
    return [(walked[0], np.broadcast_to(kept / count, shape))], None


def _largest(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    """The largest value is the one that counts; of several alike the first."""
    before, axes = values[walked[0]], _axes(node, values, values[walked[0]].ndim)
    rest = [axis for axis in range(before.ndim) if axis not in axes]
    rows = before.transpose(*rest, *axes).reshape(*(before.shape[axis] for axis in rest), -1)
    chosen = np.zeros(rows.shape)
    np.put_along_axis(chosen, rows.argmax(-1)[..., None], coefficient.reshape(rows.shape[:-1])[..., None], -1)
    shape = [before.shape[axis] for axis in (*rest, *axes)]
    return [(walked[0], chosen.reshape(shape).transpose(np.argsort([*rest, *axes])))], None


def _mixed(node: Node, walked: Sequence[str], coefficient: Array, values: Values) -> Split:
    kernel = values[node.inputs[1]][:, :, 0, 0]
    return [(walked[0], np.einsum("nohw,oi->nihw", coefficient, kernel))], None


def _flipped(value: NDArray[Any], flip: bool) -> NDArray[Any]:
    return np.swapaxes(value, -1, -2) if flip else value


def _summed(value: Array, shape: Sequence[int]) -> Array:
    """Return coefficients of a value that was repeated to another shape: the sums over its repetitions."""
    extra = value.ndim - len(shape)
    value = value.sum(axis=tuple(range(extra))) if extra else value
    repeated = tuple(axis for axis, count in enumerate(shape) if count == 1 and value.shape[axis] != 1)
    return value.sum(axis=repeated, keepdims=True) if repeated else value


def _by_channel(value: NDArray[Any], rank: int) -> NDArray[Any]:
    return value.reshape(1, -1, *[1] * (rank - 2))


def _axes(node: Node, values: Values, rank: int) -> list[int]:
    return sorted(int(axis) % rank for axis in values[node.inputs[1]].reshape(-1))


def _with_axes(node: Node, coefficient: Array, values: Values) -> Array:
    """Return coefficients with the axes that a reduction took away, of length 1."""
    rank = values[node.inputs[0]].ndim
    return np.expand_dims(coefficient, _axes(node, values, rank)) if coefficient.ndim < rank else coefficient


_TINY = 1e-12
_EVENLY: dict[str, Callable[[Node, Array, NDArray[Any], Values], Array]] = {
    **dict.fromkeys(("Multiply", "Divide", "BatchNormInference", "Relu", "Clamp", "Maximum", "Minimum"), _kept),
    "ReduceMean": _over_all,
    "ReduceSum": _over_what_is_there,
    "MatMul": _by_weight,
    POINTWISE: _by_kernel,
}
_RULES: dict[str, Callable[[Node, Sequence[str], Array, Values], Split]] = {
    **dict.fromkeys(("Convert", "Reshape", "Squeeze", "Unsqueeze"), _moved),
    "Transpose": _transposed,
    "Slice": _sliced,
    "Concat": _joined,
    **dict.fromkeys(("Add", "Subtract"), _added),
    "Multiply": _multiplied,
    "Divide": _divided,
    "MatMul": _product,
    "BatchNormInference": _standardised,
    **dict.fromkeys(("Relu", "Clamp", "Maximum", "Minimum"), _clipped),
    **dict.fromkeys(("ReduceMean", "ReduceSum"), _averaged),
    "ReduceMax": _largest,
    POINTWISE: _mixed,
}
