"""Rows of scores, invented."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.manifests.schemas import SCORES

MODEL = "0123456789ab"
THRESHOLD = 0.5


def face_row(index: int, p_fake: float, **facts: Any) -> dict[str, Any]:
    """Return the row of an image with one face; `facts` are columns that are to be other."""
    p_fake = float(np.float32(p_fake))
    fake = p_fake >= THRESHOLD
    box = {"box_x": 1.0, "box_y": 2.0, "box_width": 30.0, "box_height": 40.5, "landmarks": [0.25] * 10}
    face = {"face_index": 0, "n_faces": 1, "detection_confidence": 0.9, "p_fake": p_fake, "is_fake": fake, **box}
    verdict = {"image_p_fake": p_fake, "image_is_fake": fake}
    return {
        **empty_row(index, "ok"),
        "image_id": f"{index:064x}",
        "width": 90,
        "height": 80,
        **face,
        **verdict,
        **facts,
    }


def empty_row(index: int, status: str, **facts: Any) -> dict[str, Any]:
    """Return the row of an input without a face."""
    image = {"archive": "a-0", "index": index, "member": f"{index}.jpg", "status": status, "error": "", "n_faces": 0}
    return {**dict.fromkeys(SCORES.names), **image, "verdict_rule": "max", "model_id": MODEL, **facts}
