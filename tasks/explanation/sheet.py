"""A sheet of explained faces: each as it is and with its evidence, under one scale for all."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.detection.onepass import Face
from tasks.explanation.colours import FAKE, REAL, overlay, plain, scale_of
from tasks.explanation.explainer import Explained
from tasks.explanation.methods import EXACT, METHODS
from tasks.imaging.resize import resize_to
from tasks.params import FauxfaceError
from tasks.params.files import atomic_write

Pixels = NDArray[np.uint8]

SIDE = 192  # pixels of a face
GAP, TEXT, LEGEND = 10, 40, 28
ACROSS = 2  # faces in a row, each with two pictures of its evidence
LETTERS, LETTER = 84, 7  # of a name, and pixels of one
MOST = 2000  # letters of the legend
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
        write_sheet(path, shown, shared_scale(explained))


def shared_scale(explained: Sequence[Explained]) -> float:
    """Return the strength that gets the full colour on a sheet of these faces, explained by one method."""
    maps = [shown for each in explained for shown in (each.map, *(panel for _, panel in each.panels))]
    return scale_of(maps, METHODS[explained[0].method].least if explained else 1.0)


def sheet(faces: Sequence[Shown], scale: float, note: str = "") -> Pixels:
    """Return the sheet (height, width, 3) RGB: face, face with evidence, evidence alone; the legend below.

    A face with several maps has them side by side instead, each over the face.
    """
    panels = max((len(face.explained.panels) for face in faces), default=0)
    across = 1 if panels else min(ACROSS, max(len(faces), 1))
    down = -(-len(faces) // across)
    tile = (TEXT + SIDE + GAP, (1 + panels if panels else 3) * (SIDE + GAP))
    width = GAP + across * tile[1]
    said = _said(faces[0].explained.method if faces else EXACT, scale, note, width // LETTER)
    legend = LEGEND + 18 * len(said)
    paper = np.full((GAP + down * tile[0] + legend, width, 3), PAPER, np.uint8)
    for place, face in enumerate(faces):
        top, left = GAP + place // across * tile[0], GAP + place % across * tile[1]
        _draw(paper[top : top + tile[0], left : left + tile[1]], face, scale)
    _legend(paper[-legend:], said)
    return paper


def _place(face: Face) -> str:
    x, y, width, height = (round(value) for value in face.box.tolist())
    return f"{width} x {height} at {x}, {y}"


def _draw(tile: Pixels, face: Shown, scale: float) -> None:
    for place, (caption, picture) in enumerate(_pictures(face, scale)):
        left = place * (SIDE + GAP)
        tile[TEXT : TEXT + SIDE, left : left + SIDE] = picture
        tile[TEXT + SIDE - 1, left : left + SIDE] = 220
        if caption:
            strip = tile[TEXT + SIDE - 16 : TEXT + SIDE, left : left + SIDE]
            strip[:] = PAPER
            _write(strip, _plain(caption, 26), 2, 11, INK)
    _write(tile, _plain(face.name), 0, 14, INK)
    _write(tile, _plain(face.said), 0, 32, MUTED)


def _pictures(face: Shown, scale: float) -> list[tuple[str, Pixels]]:
    crop, explained = resize_to(face.crop, SIDE), face.explained
    if explained.panels:
        return [("", crop), *((caption, overlay(crop, panel, scale)) for caption, panel in explained.panels)]
    return [("", crop), ("", overlay(crop, explained.map, scale)), ("", plain(explained.map, SIDE, scale))]


def _said(method: str, scale: float, note: str, letters: int) -> list[str]:
    """Return the lines of the legend: what the colours mean, and what is known of the method."""
    about = METHODS[method]
    texts = [f"Full colour: {scale:.2f} {about.unit}.", f"{method}: {about.says}.", about.note, note]
    return [line for text in texts if text for line in textwrap.wrap(_plain(text, MOST), letters)]


def _legend(strip: Pixels, said: Sequence[str]) -> None:
    for left, colour in ((GAP, FAKE), (GAP + 150, REAL)):
        strip[8:18, left : left + 10] = colour
    _write(strip, "evidence for fake", GAP + 16, 17, INK)
    _write(strip, "evidence for real", GAP + 166, 17, INK)
    for line, text in enumerate(said):
        _write(strip, text, GAP, 36 + 18 * line, MUTED)


def _write(tile: Pixels, text: str, x: int, y: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(tile, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)


def _plain(text: str, letters: int = LETTERS) -> str:
    """Return a text in the letters that OpenCV can draw, its beginning cut off where it is too long."""
    drawn = "".join(each if " " <= each <= "~" else "?" for each in text)
    return drawn if len(drawn) <= letters else f"..{drawn[2 - letters :]}"
