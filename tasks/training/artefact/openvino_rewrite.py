"""The exported network as OpenVINO computes it fastest: the same function, exactly or but for the order of sums."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import openvino
from openvino import opset13
from openvino.passes import ConstantFolding, Manager

MAP_RANK = 4  # (n, channels, height, width)
MAP_AXES = [2, 3]
MANY = 1000  # features for each head
SHORTEST = 1e-7  # length that Keras divides by


def free_batch(graph: openvino.Model) -> None:
    """Let `graph` take any number of images: Keras lets Flatten expect the one it traced with."""
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "Reshape" and node.input(0).get_partial_shape()[0].is_dynamic:
            shape = node.input_value(1).get_node().data.copy()
            shape[0] = -1
            node.input(1).replace_source_output(opset13.constant(shape).output(0))
            graph.validate_nodes_and_infer_types()  # what follows a Reshape only now has a free batch as well


def means_by_products(graph: openvino.Model) -> None:
    """Let `graph` take the means of several windows of maps by one product with the windows' weights.

    Else it joins all maps, cuts each window out and takes the mean of what it cut. Means that nothing joins afterwards
    stay as they are.
    """
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(graph)  # where a window begins and ends is computed in the graph
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "Concat" or node.get_output_partial_shape(0).rank.get_length() != 2:
            continue
        taken = [value.get_source_output() for value in node.inputs()]
        windows = [_window(value.get_node()) for value in taken]
        if not any(windows):
            continue
        parts: list[openvino.Output] = []
        for maps, run in groupby(zip(taken, windows, strict=True), key=lambda pair: pair[1] and pair[1].name):
            values, of_maps = zip(*run, strict=True)
            parts += values if maps is None else [_product(of_maps).output(0)]
        _replace(node, opset13.concat(parts, 1))


def moments_by_rows(graph: openvino.Model) -> None:
    """Let `graph` take the products of channels from maps as they lie in memory, with the channels of a pixel together.

    Else it would store each map anew, a channel's pixels together, before it multiplies. Cosines and mean squares
    follow from the products, for which Keras brings all channels to unit length twice and squares them once.
    """
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        left, turned = (_unconverted(value.get_node()) for value in node.input_values())
        if turned.get_type_name() != "Transpose":
            continue
        right = _unconverted(turned.input_value(0).get_node())
        units = [unit for unit in (_of_unit_length(left), _of_unit_length(right)) if unit]
        rows, others = units if len(units) == 2 else (left, right)
        if rows.get_type_name() != "Reshape" or rows.get_name() != others.get_name():
            continue
        maps = rows.input_value(0)
        if maps.get_partial_shape().rank.get_length() == MAP_RANK:
            fields_first = _fields_first(maps)
            products = opset13.matmul(fields_first, fields_first, True, False)
            _replace(node, _cosines(products, maps) if units else products)


def logits_by_columns(graph: openvino.Model) -> None:
    """Let `graph` multiply many features by a few heads as heads by features.

    OpenVINO pads the heads of a product that ends in them to sixteen, and reads as many times the weights.
    """
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "MatMul" or node.get_output_partial_shape(0).rank.get_length() != 2:
            continue
        weights = _unconverted(node.input_value(1).get_node())
        if weights.get_type_name() == "Constant" and weights.data.shape[0] >= MANY * weights.data.shape[1]:
            heads = opset13.constant(np.ascontiguousarray(weights.data.T)[np.newaxis])
            last = opset13.constant([2])
            products = opset13.matmul(heads, opset13.unsqueeze(node.input_value(0), last), False, False)
            _replace(node, opset13.squeeze(products, last))


def _unconverted(node: openvino.Node) -> openvino.Node:
    """Return what gives `node` its values, before any change of their type."""
    while node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return node


def _of_unit_length(node: openvino.Node) -> openvino.Node | None:
    """Return the rows that `node` brings to unit length, as Keras' `normalize` does, if that is what it does."""
    if node.get_type_name() != "Multiply":
        return None
    rows, scale = (_unconverted(value.get_node()) for value in node.input_values())
    for kind in ("Minimum", "Divide", "Sqrt", "ReduceSum", "Power"):
        if scale.get_type_name() != kind:
            return None
        scale = _unconverted(scale.input_value(1 if kind == "Divide" else 0).get_node())
    return rows if scale.get_name() == rows.get_name() else None


def _cosines(products: openvino.Node, maps: openvino.Output) -> openvino.Node:
    """Return what products (n, channels, channels) of the maps' channels are in relation to both lengths.

    What takes the mean squares of the maps is replaced.
    """
    channels, *sides = (maps.get_partial_shape()[axis].get_length() for axis in (1, *MAP_AXES))
    own = opset13.multiply(products, opset13.constant(np.eye(channels, dtype=np.float32)))
    squares = opset13.reduce_sum(own, [2], keep_dims=True)
    for mean in _mean_squares(maps):
        _replace(mean, opset13.divide(opset13.squeeze(squares, [2]), np.float32(np.prod(sides))))
    lengths = opset13.maximum(opset13.sqrt(squares), np.float32(SHORTEST))
    return opset13.divide(opset13.divide(products, lengths), opset13.reshape(lengths, [-1, 1, channels], False))


def _mean_squares(maps: openvino.Output) -> list[openvino.Node]:
    """Return what takes the means of all of the maps times themselves."""
    means = []
    for squares in _taking(maps):
        factors = {_unconverted(value.get_node()).get_name() for value in squares.input_values()}
        if squares.get_type_name() == "Multiply" and factors == {maps.get_node().get_name()}:
            means += [mean for mean in _taking(squares.output(0)) if mean.get_type_name() == "ReduceMean"]
    return [mean for mean in means if list(mean.input_value(1).get_node().data) == MAP_AXES]


def _taking(values: openvino.Output) -> list[openvino.Node]:
    """Return what takes the values, after any change of their type."""
    nodes = [taking.get_node() for taking in values.get_target_inputs()]
    return [
        last for node in nodes for last in (_taking(node.output(0)) if node.get_type_name() == "Convert" else [node])
    ]


class _Window(NamedTuple):
    """The `fields`, rows and columns alike, of square `maps`, whose mean is taken."""

    maps: openvino.Output
    fields: range

    @property
    def name(self) -> str:
        """What the maps have and no others."""
        return str(self.maps.get_node().get_name())


def _window(mean: openvino.Node) -> _Window | None:
    """Return what a node takes the mean of, if it is the mean of a square in square maps of a known size."""
    if mean.get_type_name() != "ReduceMean" or list(mean.input_value(1).get_node().data) != MAP_AXES:
        return None
    maps = mean.input_value(0)
    cut = maps.get_node()
    if cut.get_type_name() == "Slice":
        maps = cut.input_value(0)
    shape = maps.get_partial_shape()
    if any(shape[axis].is_dynamic for axis in (1, *MAP_AXES)) or shape[2] != shape[3]:
        return None
    fields = range(shape[2].get_length())
    if cut is maps.get_node():
        return _Window(maps, fields)
    places = [cut.input_value(place).get_node() for place in range(1, 5)]
    if any(place.get_type_name() != "Constant" for place in places):
        return None
    firsts, lasts, steps, axes = ([int(number) for number in place.data] for place in places)
    if axes != MAP_AXES or steps != [1, 1] or firsts[0] != firsts[1] or lasts[0] != lasts[1]:
        return None
    return _Window(maps, fields[firsts[0] : lasts[0]])


def _product(windows: Sequence[_Window]) -> openvino.Node:
    """Return the means (n, windows x channels) of windows of the same maps, those of a window side by side."""
    maps = windows[0].maps
    joined = maps.get_node().get_type_name() == "Concat"
    parts = [taken.get_source_output() for taken in maps.get_node().inputs()] if joined else [maps]
    channels, side = (maps.get_partial_shape()[axis].get_length() for axis in (1, 2))
    weights = np.zeros((1, len(windows), side, side), np.float32)
    for number, (_, fields) in enumerate(windows):
        weights[0, number, fields.start : fields.stop, fields.start : fields.stop] = 1 / len(fields) ** 2
    flat = opset13.constant(weights.reshape(1, len(windows), -1))
    means = [opset13.matmul(flat, _fields_first(part), False, False) for part in parts]
    return opset13.reshape(opset13.concat(means, 2), [-1, len(windows) * channels], False)


def _fields_first(maps: openvino.Output) -> openvino.Node:
    """Return maps (n, c, h, w) as (n, h x w, c), which is how they lie in memory."""
    channels, height, width = (maps.get_partial_shape()[axis].get_length() for axis in (1, *MAP_AXES))
    return opset13.reshape(opset13.transpose(maps, [0, 2, 3, 1]), [-1, height * width, channels], False)


def _replace(node: openvino.Node, new: openvino.Node) -> None:
    for taking in node.output(0).get_target_inputs():
        taking.replace_source_output(new.output(0))
