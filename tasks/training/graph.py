"""The exported network as OpenVINO computes it fastest: the same function, exactly or but for the order of sums."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import openvino
from openvino import opset13
from openvino.passes import ConstantFolding, Manager

COLOURS = 3
MAP_AXES = [2, 3]  # of maps (n, channels, height, width)


def free_batch(graph: openvino.Model) -> None:
    """Let `graph` take any number of images: Keras lets Flatten expect the one it traced with."""
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "Reshape" and node.input(0).get_partial_shape()[0].is_dynamic:
            shape = node.input_value(1).get_node().data.copy()
            shape[0] = -1
            node.input(1).replace_source_output(opset13.constant(shape).output(0))
            graph.validate_nodes_and_infer_types()  # what follows a Reshape only now has a free batch as well


def average_by_convolution(graph: openvino.Model) -> None:
    """Let `graph` average pictures by a convolution, which reads them as the first convolution does.

    For averages of three channels OpenVINO would store the picture in two more ways, which takes longer than they do.
    """
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "AvgPool" and node.input(0).get_partial_shape()[1] == COLOURS:
            about = node.get_attributes()
            sides, nothing = list(about["kernel"]), [0] * len(about["kernel"])
            if about["strides"] != sides or [*about["pads_begin"], *about["pads_end"]] != 2 * nothing:
                continue
            kernels = opset13.constant(np.full((COLOURS, 1, 1, *sides), 1 / np.prod(sides), np.float32))
            averaged = opset13.group_convolution(node.input_value(0), kernels, sides, nothing, nothing, [1, 1])
            _replace(node, averaged)


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
        means = [_window(taken.get_source_output().get_node()) for taken in node.inputs()]
        windows = [window for window in means if window is not None]
        if len(windows) == len(means):
            runs = [list(run) for _, run in groupby(windows, key=lambda window: window.maps.get_node().get_name())]
            _replace(node, opset13.concat([_product(run) for run in runs], 1))


class _Window(NamedTuple):
    """The `fields`, rows and columns alike, of square `maps`, whose mean is taken."""

    maps: openvino.Output
    fields: range


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
