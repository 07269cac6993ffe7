"""A detection as the columns that faces and scores share."""

from __future__ import annotations

from typing import Any

from tasks.detection.onepass import Face


def box_columns(face: Face) -> dict[str, Any]:
    """Return the columns of a detection, in pixels of the original upright image."""
    x, y, width, height = (float(value) for value in face.box)
    return {
        "face_index": face.index,
        "box_x": x,
        "box_y": y,
        "box_width": width,
        "box_height": height,
        "detection_confidence": float(face.confidence),
        "landmarks": face.landmarks.reshape(-1),
    }
