"""From the scores of an image's faces to the one verdict on the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.detection.onepass import Face
from tasks.params.models import Verdict


def image_p_fake(rule: Verdict, faces: Sequence[Face], p_fake: Sequence[float]) -> float:
    """Return the p_fake of an image with at least one face: that of its most suspicious (`max`) or largest face
    (`largest`; of two alike the surer one), or the mean over its faces (`mean`); `p_fake` is that of each face.
    """
    if rule == "max":
        return max(p_fake)
    if rule == "mean":
        return float(np.float32(np.mean(p_fake)))
    areas = [float(face.box[2] * face.box[3]) for face in faces]
    return p_fake[areas.index(max(areas))]
