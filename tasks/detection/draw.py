"""A picture with its faces drawn in: boxes, landmarks, confidence."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.detection.onepass import Face, ImageResult
from tasks.imaging.decode import decode
from tasks.params.files import atomic_write

Pixels = NDArray[np.uint8]

FORMATS = (".jpg", ".jpeg", ".png")
GREEN, YELLOW, BLACK = (0, 200, 83), (255, 214, 0), (0, 0, 0)
LINES = 400  # a line is as thick as this part of the longer side
FONT = cv2.FONT_HERSHEY_SIMPLEX


def write_drawing(path: Path, data: bytes, result: ImageResult, max_pixels: int) -> None:
    """Write the upright picture of the file `data` with the faces of `result`; `path` ends in one of FORMATS."""
    drawn = draw_faces(decode(data, max_pixels=max_pixels).pixels, result.faces)
    content = cv2.imencode(path.suffix.lower(), cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1].tobytes()
    with atomic_write(path) as temp:
        temp.write_bytes(content)


def draw_faces(pixels: Pixels, faces: list[Face]) -> Pixels:
    """Return a copy of the picture (height, width, 3) with each face's box, landmarks and confidence."""
    drawn = pixels.copy()
    thick = max(1, round(max(drawn.shape[:2]) / LINES))
    for face in faces:
        x, y, width, height = face.box.round().astype(int).tolist()
        cv2.rectangle(drawn, (x, y), (x + width, y + height), GREEN, thick)
        for point in face.landmarks.round().astype(int).tolist():
            cv2.circle(drawn, point, 2 * thick, BLACK, cv2.FILLED, cv2.LINE_AA)
            cv2.circle(drawn, point, max(1, round(1.4 * thick)), YELLOW, cv2.FILLED, cv2.LINE_AA)
    for face in faces:  # above all boxes, so that none hides a figure
        _write_confidence(drawn, face, thick)
    return drawn


def _write_confidence(drawn: Pixels, face: Face, thick: int) -> None:
    """Write on a bar above the box, or inside it where there is no room above."""
    text, scale = f"{face.confidence:.3f}", 0.4 * max(1.0, thick * 0.9)
    (width, height), below = cv2.getTextSize(text, FONT, scale, thick)
    x, top = (round(float(value)) for value in face.box[:2])
    x = max(0, min(x, drawn.shape[1] - width))
    bottom = top if top >= height + below else top + height + below
    cv2.rectangle(drawn, (x, bottom - height - below), (x + width, bottom), GREEN, cv2.FILLED)
    cv2.putText(drawn, text, (x, bottom - below // 2), FONT, scale, BLACK, thick, cv2.LINE_AA)
