"""Pictures small enough for a page: JPEG or PNG in data URIs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.resize import resize_to

Pixels = NDArray[np.uint8]
_QUALITY = 84


def thumbnail(pixels: Pixels, side: int) -> str:
    """Return a picture (height, width, 3) RGB as a data URI of a JPEG file of `side` x `side` pixels."""
    return _jpeg(resize_to(pixels, side))


def mosaic(tiles: Sequence[Pixels], side: int, across: int) -> str:
    """Return pictures side by side, `across` in a row, each `side` x `side`, as a data URI of one JPEG file."""
    down = -(-len(tiles) // across)
    sheet = np.full((down * side, across * side, 3), 128, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // across * side, place % across * side
        sheet[top : top + side, left : left + side] = resize_to(tile, side)
    return _jpeg(sheet)


def file_uri(path: Path) -> str:
    """Return a PNG or JPEG file as a data URI."""
    kind = "png" if path.suffix == ".png" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def reduced_uri(path: Path, width: int) -> str | None:
    """Return a picture's file as a data URI of a JPEG file of at most `width` pixels across; None for no picture."""
    found = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if found is None:
        return None
    scale = min(1.0, width / found.shape[1])
    size = round(found.shape[1] * scale), max(1, round(found.shape[0] * scale))
    return _jpeg(np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_AREA), np.uint8))


def _jpeg(pixels: Pixels) -> str:
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
