"""`network: file`: features by a network from elsewhere (DINOv2, CLIP, one's own) as an ONNX or OpenVINO file.

The network stays as it is; a head on its features is trained, and both together are one graph, which scores as any
other (Ojha et al., 2023, "Towards universal fake image detectors that generalize across generative models").
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from openvino import opset13
from pydantic import Field, ValidationError

from tasks.inference import openvino
from tasks.network_input import NetworkInput
from tasks.params import FauxfaceError
from tasks.params.files import sha256_file
from tasks.training.recipe.recipes import Recipe

SUFFIXES = (".onnx", ".xml")
CHANNELS_FIRST = (0, 3, 1, 2)


class FileNetwork(NetworkInput):
    """`network_arguments` of `network: file`, beside those of NetworkInput.

    `output`: which of its outputs has the features. Of tokens (n, tokens, d) the `take` is the first, which is where
    vision transformers gather a picture, or their mean; maps, (n, d, h, w) or (n, h, w, d), are averaged.
    """

    output: int = Field(0, ge=0)
    take: Literal["first", "mean"] = "first"


def file_of(recipe: Recipe) -> Path:
    """Return the network's file; raises FauxfaceError where there is none, or another one than the recipe means."""
    path = Path(recipe.weights)
    if path.suffix not in SUFFIXES or not path.is_file():
        raise FauxfaceError(
            f"{path}: is no network. With `network: file` the recipe's `weights` is the path of an .onnx file or of "
            "OpenVINO's .xml, whose .bin lies beside it."
        )
    found = sha256_file(path) if recipe.weights_sha256 else None  # of a gigabyte it takes seconds
    if recipe.weights_sha256 and found != recipe.weights_sha256.lower():
        raise FauxfaceError(f"{path}: its SHA-256 is {found}, the recipe's weights_sha256 is {recipe.weights_sha256}.")
    return path


def digest_of(path: Path) -> str:
    """Return a SHA-256 of a network's file, with the weights beside it where they have a file of their own."""
    parts = [sha256_file(each) for each in (path, path.with_suffix(".bin"), Path(f"{path}.data")) if each.is_file()]
    return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode()).hexdigest()


def features_network(recipe: Recipe) -> openvino.Model:
    """Return the graph from faces (n, size, size, 3) RGB 0..255 to features (n, d), size being the recipe's input_size.

    Raises FauxfaceError for arguments that it does not take, for a file that OpenVINO cannot read, and for a network
    that takes or gives something else.
    """
    path, takes = file_of(recipe), _arguments(recipe)
    try:
        network = openvino.Core().read_model(path)
        if len(network.inputs) != 1 or takes.output >= len(network.outputs):
            raise FauxfaceError(
                f"{path}: has {len(network.inputs)} inputs and {len(network.outputs)} outputs; it has to take one, "
                f"pictures, and to give the features as output {takes.output} (network_arguments.output)."
            )
        _check_size(network, path, recipe.input_size, takes.layout)
        picture = opset13.parameter([-1, recipe.input_size, recipe.input_size, 3], np.float32, "face")
        prepared = _prepared(picture, takes)
        for target in network.inputs[0].get_target_inputs():
            target.replace_source_output(prepared.output(0))
        features = _features(network.outputs[takes.output].get_node().input_value(0), takes, path)
        return _named(openvino.Model([features.output(0)], [picture], "features"))
    except RuntimeError as error:
        raise FauxfaceError(f"{path}: OpenVINO cannot use it ({str(error).strip().splitlines()[-1]}).") from None


def with_head(
    network: openvino.Model, means: NDArray[np.float32], scales: NDArray[np.float32], most: float,
    kernel: NDArray[np.float32], bias: NDArray[np.float32],
) -> openvino.Model:  # fmt: skip
    """Return the graph that ends in the logit (n, 1), the largest of its heads', and beside it what they are made of.

    The features (n, d) are centred by `means`, divided by `scales`, and brought to `most` where they are further away;
    `kernel` is (d, heads), `bias` (heads,).
    """
    features = network.outputs[0].get_node().input_value(0)
    standard = opset13.clamp(opset13.divide(opset13.subtract(features, means), scales), -most, most)
    logits = opset13.add(opset13.matmul(standard, opset13.constant(kernel), False, False), bias)
    logit = opset13.reduce_max(logits, opset13.constant(np.array([1])), keep_dims=True)
    whole = openvino.Model([logit.output(0), standard.output(0)], network.get_parameters(), "scorer")
    return _named(whole)


def _named(network: openvino.Model) -> openvino.Model:
    """Name all nodes by their place: OpenVINO counts names up, and equal trainings would give unequal files."""
    for number, node in enumerate(network.get_ordered_ops()):
        node.set_friendly_name(f"{node.get_type_name()}_{number}")
        for output in node.outputs():
            output.get_tensor().set_names({f"{number}_{output.get_index()}"} if output.get_names() else set())
    return network


def _arguments(recipe: Recipe) -> FileNetwork:
    given = {key: value for key, value in recipe.network_arguments.items() if key != "heads"}
    try:
        return FileNetwork.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in ("network_arguments", *first["loc"]))
        known = ", ".join(FileNetwork.model_fields)
        raise FauxfaceError(f"{key}: {first['msg']}. `network: file` takes {known}.") from None


def _check_size(network: openvino.Model, path: Path, size: int, layout: str) -> None:
    """Raise FauxfaceError where the network says that it takes pictures of another size or another order."""
    shape = network.inputs[0].get_partial_shape()
    if shape.rank.is_dynamic:
        return
    first = 2 if layout == "nchw" else 1
    sides = [shape[axis].get_length() for axis in (first, first + 1) if len(shape) == 4 and shape[axis].is_static]
    if len(shape) != 4 or any(side != size for side in sides):
        raise FauxfaceError(
            f"{path}: takes {shape}. Say what fits in the recipe: input_size (now {size}) and "
            f"network_arguments.layout (now {layout})."
        )


def _prepared(picture: Any, takes: FileNetwork) -> Any:
    values = picture
    if takes.channels == "bgr":
        values = opset13.gather(values, opset13.constant(np.array([2, 1, 0])), opset13.constant(3))
    mean, std = (np.array(each, np.float32) for each in (takes.mean, takes.std))
    values = opset13.divide(opset13.subtract(opset13.divide(values, np.float32(takes.divide)), mean), std)
    return opset13.transpose(values, list(CHANNELS_FIRST)) if takes.layout == "nchw" else values


def _features(output: Any, takes: FileNetwork, path: Path) -> Any:
    """Return the features (n, d) float32 that the network's output holds."""
    values = opset13.convert(output, np.float32)
    rank = len(output.get_partial_shape())
    if rank == 2:
        return values
    if rank == 3 and takes.take == "first":
        return opset13.gather(values, opset13.constant(0), opset13.constant(1))
    axes = {3: [1], 4: [2, 3] if takes.layout == "nchw" else [1, 2]}.get(rank)
    if axes is None:
        raise FauxfaceError(f"{path}: gives {output.get_partial_shape()}, in which no features (n, d) can be told.")
    return opset13.reduce_mean(values, opset13.constant(np.array(axes)), keep_dims=False)
