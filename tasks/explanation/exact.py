"""The exact map of an exported network: what every position of its last maps adds to the logit.

Behind its last maps a network is linear, or as good as: means, a dense layer, clips, the largest of several heads. From
the logit backwards each value is written as a sum of coefficients times the values before it (tail.py), until maps are
reached; there every position's part of the sum can be read off. Map and constant together are the logit, by
construction.

For means and a dense layer this is the class activation map (Zhou et al., 2016, arXiv:1512.04150). Products of channels
are split with one factor held fixed, and so are the norms that they are divided by. What is constant in a feature (its
mean over the faces trained on, which is taken away; a bound at which it was clipped) is spread evenly over the
positions that the feature is computed from: a map says how a face differs from the mean of those trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from openvino.passes import ConstantFolding, Manager

from tasks.explanation.tail import POINTWISE, Array, Node, Values, sources, split, spread_evenly
from tasks.inference import openvino

MAP_RANK = 4  # (1, channels, height, width)
# What only moves, joins or mixes values at a position is walked through where it is a map, too.
_THROUGH = {"Convert", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Concat", POINTWISE}


@dataclass(frozen=True)
class Exact:
    """`parts`: of each layer of maps the contributions (height, width) to the logit; `constant`: what is left of it."""

    logit: float
    constant: float
    parts: tuple[Array, ...]

    def map(self, side: int) -> Array:
        """Return all contributions on one grid (side, side): its sum is `logit - constant`."""
        return np.asarray(np.sum([spread(part, side) for part in self.parts], axis=0))


class ExactNetwork:
    """A network that tells what its last maps add to the logit; made once, used for many pictures."""

    def __init__(self, scorer: Path, size: int) -> None:
        """Read scorer.xml, for pictures of `size` pixels; raises NotLinearError where its tail is not linear."""
        core = openvino.Core()
        model = core.read_model(scorer)
        model.reshape([1, size, size, 3])
        folding = Manager()
        folding.register_pass(ConstantFolding())
        folding.run_passes(model)
        operations = {each.get_friendly_name(): each for each in model.get_ordered_ops()}
        self._nodes = {name: _node(each) for name, each in operations.items()}
        self._logit = model.outputs[0].get_node().input_value(0).get_node().get_friendly_name()
        self._walked: dict[str, list[str]] = {}
        self._order = self._tail()
        self._names = [name for name in (*self._order, *self._held()) if self._nodes[name].constant is None]
        outputs = [operations[name].output(0) for name in self._names]
        tail = openvino.Model(outputs, model.get_parameters(), "tail")
        self._network = core.compile_model(tail, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def explain(self, image: NDArray[np.uint8]) -> Exact:
        """Return the contributions to the logit of one picture, (size, size, 3) uint8 RGB."""
        found = self._network(image[np.newaxis].astype(np.float32))
        values: Values = {name: node.constant for name, node in self._nodes.items() if node.constant is not None}
        values |= {name: np.asarray(found[place], np.float64) for place, name in enumerate(self._names)}
        sums: dict[str, Array] = {self._logit: np.ones(values[self._logit].shape)}
        amounts: dict[str, Array] = {}
        constant, parts = 0.0, []
        for name in self._order:
            node, value, amount = self._nodes[name], values[name], amounts.pop(name, None)
            coefficient = sums.pop(name)
            if node.constant is not None:
                constant += float((coefficient * node.constant).sum())
            elif name not in self._walked:
                parts.append(np.asarray((coefficient * value + (0.0 if amount is None else amount)).sum(axis=(0, 1))))
            else:
                before, loose = split(node, self._walked[name], coefficient, values)
                _add(sums, before)
                _add(amounts, [] if loose is None else [(self._walked[name][0], loose)])
                if amount is not None:
                    _add(amounts, spread_evenly(node, self._walked[name], amount, values))
        return Exact(float(values[self._logit].reshape(-1)[0]), constant, tuple(parts))

    def _tail(self) -> list[str]:
        """Return the layers from the logit back to the maps, each before all that it is computed from."""
        order: list[str] = []
        waiting = [(self._logit, False)]
        while waiting:
            name, done = waiting.pop()
            if done:
                order.append(name)
            elif name not in self._walked and name not in order:
                node = self._nodes[name]
                goes_on = node.constant is None and not _is_map(node)
                if goes_on:
                    self._walked[name] = sources(node, self._nodes)
                waiting.append((name, True))
                waiting += [(source, False) for source in self._walked.get(name, ())]
        return list(dict.fromkeys(reversed(order)))

    def _held(self) -> list[str]:
        """Return what is divided by: its value is needed, though nothing is traced back to it."""
        return list(
            dict.fromkeys(self._nodes[name].inputs[1] for name in self._walked if self._nodes[name].kind == "Divide")
        )


def _add(totals: dict[str, Array], shares: Sequence[tuple[str, Array]]) -> None:
    for name, share in shares:
        totals[name] = totals[name] + share if name in totals else share


def spread(part: Array, side: int) -> Array:
    """Return contributions (height, width) on a grid (side, side) with the same sum, each spread over its own area."""
    down, across = (_shares(count, side) for count in part.shape)
    return down @ part @ across.T


def _shares(cells: int, side: int) -> Array:
    """Return (side, cells): how much of each cell's area lies in each of `side` equal pieces of the whole."""
    edges, starts = np.arange(side + 1) * cells / side, np.arange(cells)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return np.asarray(np.clip(overlap, 0, None))


def _is_map(node: Node) -> bool:
    return len(node.shape) == MAP_RANK and node.kind not in _THROUGH


def _node(operation: openvino.Node) -> Node:
    kind = operation.get_type_name()
    inputs = tuple(value.get_source_output().get_node().get_friendly_name() for value in operation.inputs())
    constant = np.array(operation.data, np.float64) if kind == "Constant" else None
    shape = operation.get_output_partial_shape(0) if operation.get_output_size() else openvino.PartialShape([])
    if kind == "Convolution" and _is_pointwise(operation):
        kind = POINTWISE
    sides = tuple(shape.to_shape()) if shape.is_static else ()
    return Node(operation.get_friendly_name(), kind, inputs, sides, constant, dict(operation.get_attributes()))


def _is_pointwise(operation: openvino.Node) -> bool:
    kernel = operation.input_value(1).get_partial_shape().to_shape()
    return tuple(kernel[2:]) == (1, 1) and all(stride == 1 for stride in operation.get_attributes()["strides"])
