"""A model in a second, without training: the brighter the crop, the more fake."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as op

from tasks.params import CropParams
from tasks.params.files import write_json
from tasks.scoring.card import ARCHITECTURE, FILES, SCORER, WEIGHTS, ModelCard, model_id

SIDE = 64
THRESHOLD = 0.5


def write_model(folder: Path, crop: CropParams) -> str:
    """Write a model whose logit is (mean of the crop - 70) / 10; returns its id."""
    folder.mkdir(parents=True)
    faces = op.parameter([-1, SIDE, SIDE, 3], np.float32, name="faces")
    mean = op.reduce_mean(faces, op.constant([1, 2, 3]), keep_dims=False)
    logit = op.multiply(op.subtract(mean, op.constant(np.float32(70))), op.constant(np.float32(0.1)))
    ov.save_model(ov.Model([op.reshape(logit, op.constant([-1, 1]), False)], [faces]), folder / SCORER, False)
    for name in (ARCHITECTURE, WEIGHTS):
        (folder / name).write_text("none: this model was not trained")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
    name = model_id(files[ARCHITECTURE], files[WEIGHTS], crop, SIDE, THRESHOLD, 1.0)
    card = ModelCard(
        model_id=name,
        recipe={},
        input_size=SIDE,
        crop=crop,
        threshold=THRESHOLD,
        temperature=1.0,
        seed=1,
        data={},
        valid={},
        versions={},
        device="none",
        files=files,
    )
    write_json(folder / "card.json", card.model_dump(mode="json"))
    return name
