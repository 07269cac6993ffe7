"""A contact sheet: faces side by side, each with its p_fake and where it is from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.manifests.parts import Row
from tasks.params import FauxfaceError
from tasks.params.files import atomic_write

Pixels = NDArray[np.uint8]

SIDE = 160  # pixels of a face
TEXT = 40  # pixels below it: two lines
GAP = 8
COLUMNS = 8
LETTERS = 24  # that fit below a face
PAPER, INK, MUTED, FAKE = (255, 255, 255), (30, 30, 30), (110, 110, 110), (13, 71, 179)  # BGR


def write_sheet(path: Path, rows: Sequence[Row], crops: Sequence[Pixels | str]) -> None:
    """Write the faces `rows` (their rank, p_fake, member) with their pixels, (SIDE, SIDE, 3) RGB, as a picture.

    A string in place of pixels is the reason why there are none. The suffix of `path` says which format (.jpg, .png);
    raises FauxfaceError for others.
    """
    if path.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise FauxfaceError(f"{path}: is no name for a picture; let it end in .jpg or .png.")
    ok, content = cv2.imencode(path.suffix, contact_sheet(rows, crops))
    if not ok:
        raise FauxfaceError(f"{path}: {len(rows)} faces are too many for one picture; ask for fewer with --top.")
    with atomic_write(path) as temp:
        temp.write_bytes(content.tobytes())


def contact_sheet(rows: Sequence[Row], crops: Sequence[Pixels | str]) -> Pixels:
    """Return the sheet, (height, width, 3) BGR: COLUMNS faces in a row, the first at the top left."""
    across = min(COLUMNS, max(len(rows), 1))
    down = -(-len(rows) // across)
    sheet = np.full((GAP + down * (SIDE + TEXT + GAP), GAP + across * (SIDE + GAP), 3), PAPER, np.uint8)
    for place, (row, crop) in enumerate(zip(rows, crops, strict=True)):
        top = GAP + place // across * (SIDE + TEXT + GAP)
        left = GAP + place % across * (SIDE + GAP)
        tile = sheet[top : top + SIDE + TEXT, left : left + SIDE]
        _fill(tile, place + 1, row, crop)
    return sheet


def _fill(tile: Pixels, rank: int, row: Row, crop: Pixels | str) -> None:
    if isinstance(crop, str):
        tile[:SIDE] = 225
        for line, word in enumerate(_lines(crop)):
            _write(tile, word, 8, SIDE // 2 + 15 * line, MUTED)
    else:
        tile[:SIDE] = crop[:, :, ::-1]
    _write(tile, f"{rank}.  p_fake {row['p_fake']:.3f}", 0, SIDE + 14, FAKE if row["is_fake"] else INK)
    _write(tile, _shown(row["member"]), 0, SIDE + 31, MUTED)


def _write(tile: Pixels, text: str, x: int, y: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(tile, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)


def _shown(member: str) -> str:
    """Return the end of a path in the letters that OpenCV can draw."""
    plain = "".join(each if " " <= each <= "~" else "?" for each in member)
    return plain if len(plain) <= LETTERS else f"..{plain[2 - LETTERS :]}"


def _lines(text: str) -> list[str]:
    words = text.split()
    middle = -(-len(words) // 2)
    return [" ".join(words[:middle]), " ".join(words[middle:])]
