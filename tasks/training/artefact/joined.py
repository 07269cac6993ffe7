"""Two trained models as one: the mean of their calibrated logits, computed by one graph.

What is tuned as a whole and what is read from a frozen network err in different places: docs/explanation/model.md has
what each gives alone.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13

from tasks.imaging.resize import averaged
from tasks.params import FauxfaceError
from tasks.params.files import sha256_file, write_json
from tasks.scoring.card import ARCHITECTURE, CARD, SCORER, SCORER_WEIGHTS, WEIGHTS, ModelCard, load_card
from tasks.scoring.classifier import Classifier
from tasks.scoring.crops import read_manifest
from tasks.training.artefact.answers import seen_faces
from tasks.training.artefact.calibration import calibration

CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def join(model: Path, other: Path, manifests: Path, faces: Path, workers: int) -> ModelCard:
    """Let the model in the folder `model` answer by the mean of its logit and that of the model in `other`.

    Each logit counts divided by its model's temperature. The joined model takes faces of the larger of both sizes and
    keeps the features of `model`. Temperature and thresholds are fitted again to `manifests`/valid.parquet, whose faces
    lie in the folder `faces`. Returns the new card; raises FauxfaceError where the two were trained on different crops
    or splits.
    """
    first, second = load_card(model), load_card(other)
    if (first.crop.recipe(), first.data) != (second.crop.recipe(), second.data):
        raise FauxfaceError(f"{other}: was trained on other faces than {model}. Train both in one workspace.")
    size = max(first.input_size, second.input_size)
    _write(model, other, (first, second), size)
    files = {**first.files, **{name: sha256_file(model / name) for name in (SCORER, SCORER_WEIGHTS)}}
    files |= {name: _both(first.files[name], second.files[name]) for name in (ARCHITECTURE, WEIGHTS)}
    recipe = {**first.recipe, "name": f"{first.recipe['name']} and {second.recipe['name']}"}
    card = first.changed(recipe=recipe, input_size=size, files=files, answers=None, scoring_only=True)
    write_json(model / CARD, card.model_dump(mode="json"))
    rows = read_manifest(manifests / "valid.parquet")
    logits = seen_faces(Classifier.load(model, workers), rows, faces, workers).logits
    card = card.changed(**calibration(rows["label"].to_numpy(), logits)._asdict())
    write_json(model / CARD, card.model_dump(mode="json"))
    return card


def _both(first: str, second: str) -> str:
    """Return one hash that stands for the files of both models, so that the joined model's id is of both."""
    return hashlib.sha256(f"{first}{second}".encode()).hexdigest()


def _write(model: Path, other: Path, cards: tuple[ModelCard, ModelCard], size: int) -> None:
    """Replace the scorer in `model` by the joined graph; the other outputs of the first model stay outputs."""
    core = openvino.Core()
    picture = opset13.parameter([-1, size, size, 3], np.float32, "face")
    halves, kept = [], []
    with tempfile.TemporaryDirectory(dir=model) as temp:
        for place, (folder, card) in enumerate(zip((model, other), cards, strict=True)):
            graph = core.read_model(folder / SCORER)
            if not place:  # half the bytes; statistics divide by numbers that would be lost so
                openvino.save_model(graph, f"{temp}/half.xml", compress_to_fp16=True)
                graph = core.read_model(f"{temp}/half.xml")
            for node in graph.get_ops():  # layers of both are told apart by their names
                node.set_friendly_name(f"{('first', 'second')[place]}/{node.get_friendly_name()}")
            logit = _placed(graph, picture, card.input_size)
            halves.append(opset13.multiply(logit, np.float32(0.5 / card.temperature)))
            kept += [] if place else [output.get_node().input_value(0) for output in graph.outputs[1:]]
        joined = openvino.Model([opset13.add(*halves).output(0), *kept], [picture], "joined")
        openvino.serialize(joined, f"{temp}/{SCORER}")
        for name in (SCORER, SCORER_WEIGHTS):
            shutil.move(f"{temp}/{name}", model / name)


def _placed(graph: openvino.Model, picture: openvino.Node, size: int) -> openvino.Output:
    """Return the logit of `graph`, whose parameter is `picture` brought to `size`."""
    side = picture.get_output_partial_shape(0)[1].get_length()
    resized = picture if side == size else _resized(picture, side, size)
    for target in graph.inputs[0].get_target_inputs():
        target.replace_source_output(resized.output(0))
    return graph.outputs[0].get_node().input_value(0)


def _resized(picture: openvino.Node, side: int, size: int) -> openvino.Node:
    """Return `picture` as `resize_to` makes it smaller, which is a sum over its rows and one over its columns."""
    weights = opset13.constant(_weights(side, size))
    first = opset13.transpose(picture, list(CHANNELS_FIRST))
    smaller = opset13.matmul(opset13.matmul(weights, first, False, False), weights, False, True)
    whole = opset13.round(smaller, "half_to_even")  # pixels are whole numbers
    return opset13.transpose(whole, list(CHANNELS_LAST))


def _weights(side: int, size: int) -> NDArray[np.float32]:
    """Return (size, side): how much each row of a picture counts for each row of the smaller one."""
    whole = np.eye(side, dtype=np.float32)
    columns = [averaged(np.repeat(whole[:, row : row + 1], side, axis=1), size)[:, 0] for row in range(side)]
    return np.stack(columns, axis=1)
