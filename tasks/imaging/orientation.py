"""How the camera was held: from Exif, and from XMP where Exif says nothing, as Pillow's `exif_transpose` reads them."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from tasks.imaging.tiff import first_directory

Pixels = NDArray[np.uint8]

_ORIENTATION = 0x0112
_EXIF_NAME = b"Exif\x00\x00"
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def orientation_of(exif: bytes, xmp: bytes = b"") -> int:
    """Return the orientation (1 to 8, 1 where none is said) of an Exif block and an XMP packet.

    Any number whose value is one of 1 to 8 counts, in either byte order. An orientation in Exif that makes no sense
    still keeps XMP's from being asked.
    """
    said = _exif_orientation(exif)
    if said is None:
        found = _XMP.search(xmp)
        said = int(found[1]) if found else 1
    return int(said) if said in range(1, 9) else 1


def _exif_orientation(exif: bytes) -> float | None:
    for _ in range(2):  # some writers put the name twice
        exif = exif.removeprefix(_EXIF_NAME)
    directory = first_directory(exif)
    if directory is None:
        return None
    return 0 if directory.holds_bytes(_ORIENTATION) else directory.number(_ORIENTATION)


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels (height, width, 3) with what an orientation says undone."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
