"""The stock `mtcnn` package, one image a call, as a script would use it: decode, detect, crop each face."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.params import CropParams

Boxes = NDArray[np.float32]
RESAMPLED = CropParams(size=128, margin=0.3, scale="fit", reencode=None)  # as a script makes crops


@contextmanager
def quietly() -> Iterator[None]:
    """Keep what TensorFlow's native code says at its start off standard error; no setting of its own reaches that."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    error, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(error, 2)
        os.close(error)
        os.close(nowhere)


class Stock:
    """The package's detector at its default settings."""

    def __init__(self) -> None:
        with quietly():
            from mtcnn import MTCNN  # only here: importing TensorFlow takes seconds

            self._detector = MTCNN()
            self._detector.detect_faces(np.zeros((64, 64, 3), np.uint8))

    def boxes(self, content: bytes, size: int) -> Boxes:
        """Return the boxes (n, 4: x, y, width, height) of one file, its faces cropped on the way."""
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            raise ValueError("the stock package cannot read one of the files")
        boxes = [face["box"] for face in self._detector.detect_faces(pixels)]
        for x, y, width, height in boxes:
            part = pixels[max(y, 0) : y + height, max(x, 0) : x + width]
            if part.size:
                cv2.resize(part, (size, size))
        return np.array(boxes, np.float32).reshape(-1, 4)
