"""A model that needs no training: the brighter the face, the more fake. So each face has a score of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

from tasks.params import CropParams
from tasks.params.files import sha256_file, write_json
from tasks.scoring.card import ARCHITECTURE, CARD, FILES, SCORER, WEIGHTS, ModelCard, model_id

SIZE = 32
THRESHOLD, STRICT = 0.5, 0.9
CROP = CropParams(size=64, margin=0.3, scale="fit", reencode=None)


def write_stand_in(folder: Path, middle: float = 128.0, **fields: Any) -> ModelCard:
    """Write a whole model artefact whose logit is the mean brightness of the face beyond `middle`, over 16.

    `fields` are further ones of its card.
    """
    folder.mkdir(parents=True)
    faces = ops.parameter([-1, SIZE, SIZE, 3], np.float32)
    brightness = ops.reduce_mean(faces, ops.constant(np.array([1, 2, 3])), keep_dims=False)
    logit = ops.divide(ops.subtract(brightness, ops.constant(np.float32(middle))), ops.constant(np.float32(16)))
    network = openvino.Model([ops.unsqueeze(logit, ops.constant(np.array([1])))], [faces], "stand-in")
    openvino.save_model(network, folder / SCORER, compress_to_fp16=False)
    (folder / ARCHITECTURE).write_text("{}")
    (folder / WEIGHTS).write_text(f"stands in for weights: {middle}")
    card = _card(folder).changed(**fields)
    write_json(folder / CARD, card.model_dump(mode="json"))
    return card


def _card(folder: Path) -> ModelCard:
    files = {name: sha256_file(folder / name) for name in FILES}
    return ModelCard(
        model_id=model_id(files[ARCHITECTURE], files[WEIGHTS], CROP, SIZE, (THRESHOLD, STRICT), 1.0),
        recipe={"name": "stand-in"},
        input_size=SIZE,
        crop=CROP,
        threshold=THRESHOLD,
        threshold_false_alarm=STRICT,
        temperature=1.0,
        seed=1,
        data={},
        valid={},
        versions={},
        device="none",
        files=files,
    )
