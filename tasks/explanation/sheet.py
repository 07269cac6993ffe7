"""A sheet of explained faces: each as it is and with its evidence, under one scale for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.detection.onepass import Face
from tasks.explanation.colours import FAKE, REAL, overlay, plain, scale_of
from tasks.explanation.explainer import LEAST, METHODS, UNITS, Explained
from tasks.imaging.resize import resize_to
from tasks.params import FauxfaceError
from tasks.params.files import atomic_write

Pixels = NDArray[np.uint8]

SIDE = 192  # pixels of a face
GAP, TEXT, LEGEND = 10, 40, 44
ACROSS = 2  # faces in a row, each with two pictures of its evidence
LETTERS = 74
PAPER, INK, MUTED = 255, (30, 30, 30), (105, 105, 105)
_FORMATS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Shown:
    """A face on the sheet: where it is from, what is said of it in a line, and its crop (side, side, 3) RGB."""

    name: str
    said: str
    crop: Pixels
    explained: Explained


def write_sheet(path: Path, faces: Sequence[Shown], scale: float, note: str = "") -> None:
    """Write the sheet as a picture; the suffix of `path` says its format. Raises FauxfaceError for others."""
    if path.suffix.lower() not in _FORMATS:
        raise FauxfaceError(f"{path}: is no name for a picture; let it end in .png or .jpg.")
    ok, content = cv2.imencode(path.suffix.lower(), cv2.cvtColor(sheet(faces, scale, note), cv2.COLOR_RGB2BGR))
    if not ok:
        raise FauxfaceError(f"{path}: {len(faces)} faces are too many for one picture; ask for fewer.")
    with atomic_write(path) as temp:
        temp.write_bytes(content.tobytes())


def write_faces(path: Path, named: Sequence[tuple[str, Face]], explained: Sequence[Explained]) -> None:
    """Write the sheet of faces found in images, `named` after these; none is written where there is no face."""
    shown = [
        Shown(name, f"p_fake {each.p_fake:.3f}  {_place(face)}", face.rgb, each)
        for (name, face), each in zip(named, explained, strict=True)
    ]
    if shown:
        write_sheet(path, shown, scale_of([each.map for each in explained], LEAST[explained[0].method]))


def sheet(faces: Sequence[Shown], scale: float, note: str = "") -> Pixels:
    """Return the sheet (height, width, 3) RGB: face, face with evidence, evidence alone; the legend below."""
    across = min(ACROSS, max(len(faces), 1))
    down = -(-len(faces) // across)
    tile = (TEXT + SIDE + GAP, 3 * SIDE + 3 * GAP)
    paper = np.full((GAP + down * tile[0] + LEGEND, GAP + across * tile[1], 3), PAPER, np.uint8)
    for place, face in enumerate(faces):
        top, left = GAP + place // across * tile[0], GAP + place % across * tile[1]
        _draw(paper[top : top + tile[0], left : left + tile[1]], face, scale)
    _legend(paper[-LEGEND:], faces, scale, note)
    return paper


def _place(face: Face) -> str:
    x, y, width, height = (round(value) for value in face.box.tolist())
    return f"{width} x {height} at {x}, {y}"


def _draw(tile: Pixels, face: Shown, scale: float) -> None:
    crop = resize_to(face.crop, SIDE)
    pictures = (crop, overlay(crop, face.explained.map, scale), plain(face.explained.map, SIDE, scale))
    for place, picture in enumerate(pictures):
        left = place * (SIDE + GAP)
        tile[TEXT : TEXT + SIDE, left : left + SIDE] = picture
    tile[TEXT + SIDE - 1, 2 * (SIDE + GAP) : 2 * (SIDE + GAP) + SIDE] = 220
    _write(tile, _plain(face.name), 0, 14, INK)
    _write(tile, _plain(face.said), 0, 32, MUTED)


def _legend(strip: Pixels, faces: Sequence[Shown], scale: float, note: str) -> None:
    for left, colour in ((GAP, FAKE), (GAP + 150, REAL)):
        strip[8:18, left : left + 10] = colour
    _write(strip, "evidence for fake", GAP + 16, 17, INK)
    _write(strip, "evidence for real", GAP + 166, 17, INK)
    method = faces[0].explained.method if faces else "exact"
    _write(strip, f"full colour: {scale:.2f} {UNITS[method]}", GAP + 310, 17, MUTED)
    _write(strip, _plain(f"{method}: {METHODS[method]}{'. ' if note else ''}{note}", 160), GAP, 36, MUTED)


def _write(tile: Pixels, text: str, x: int, y: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(tile, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)


def _plain(text: str, letters: int = LETTERS) -> str:
    """Return a text in the letters that OpenCV can draw, its beginning cut off where it is too long."""
    drawn = "".join(each if " " <= each <= "~" else "?" for each in text)
    return drawn if len(drawn) <= letters else f"..{drawn[2 - letters :]}"
