"""A face as the columns that faces and scores share."""

from __future__ import annotations

from typing import Any

from tasks.detection.onepass import Face


def face_columns(face: Face) -> dict[str, Any]:
    """Return the columns of a detection, in pixels of the original upright image, and of its quality."""
    x, y, width, height = face.box.tolist()
    return {
        "face_index": face.index,
        "box_x": x,
        "box_y": y,
        "box_width": width,
        "box_height": height,
        "detection_confidence": face.confidence,
        "landmarks": face.landmarks.reshape(-1).tolist(),
        "rotation": face.rotation,
        "padding": face.padding,
        "sharpness": face.sharpness,
        "face_size": face.size,
        "yaw": face.pose.yaw,
        "pitch": face.pose.pitch,
        "roll": face.pose.roll,
        "quality": face.quality,
    }
