"""What the head of a JPEG file tells: size, kind, orientation, quantisation tables, and where its picture begins.

Read here rather than by Pillow because it is done for every file (a tenth of Pillow's time) and because only the place
where the picture begins lets a cut file be told for certain (see `decode`). Source: ITU-T T.81, annex B; Exif 2.32.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"\xff\xd8\xff"
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_DQT, _SOS, _EOI, _APP1 = 0xDB, 0xDA, 0xD9, 0xE1
_ORIENTATION = 0x0112


class JpegError(Exception):
    """The bytes end, or stop making sense, before the picture begins."""


@dataclass(frozen=True)
class JpegHeader:
    """`frame`: the SOF marker (0xC0 baseline, 0xC1 extended, 0xC2 progressive); `bits` per sample; `start`: offset of
    the first scan; `scan_components`: how many components that scan holds; `tables`: quantisation tables in file order.
    """

    width: int
    height: int
    frame: int
    bits: int
    components: int
    scan_components: int
    orientation: int
    tables: tuple[tuple[int, ...], ...]
    start: int


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Walk the segments up to the first scan; raises JpegError."""
    try:
        return _walk(data)
    except (IndexError, struct.error) as error:
        raise JpegError("ends before its picture begins") from error


def _walk(data: bytes) -> JpegHeader:
    at, orientation = 2, 1
    frame: tuple[int, int, int, int, int] | None = None
    tables: list[tuple[int, ...]] = []
    while True:
        at, marker = _next_marker(data, at)
        if marker in _ALONE:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        segment = data[at + 2 : at + length]
        if marker == _SOS:
            if frame is None:
                raise JpegError("has no frame header")
            return JpegHeader(*frame, segment[0], orientation, tuple(tables), at + length)
        if marker == _DQT:
            tables += _quantisation_tables(segment)
        elif marker in _FRAMES:
            bits, height, width, components = struct.unpack_from(">BHHB", segment)
            frame = (width, height, marker, bits, components)
        elif marker == _APP1 and segment[:6] == b"Exif\x00\x00":
            orientation = exif_orientation(segment[6:])
        at += length


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the offset behind the next marker and the marker."""
    if data[at] != 0xFF:
        raise JpegError("has bytes between its segments")
    while data[at] == 0xFF:
        at += 1
    if data[at] == _EOI:
        raise JpegError("has no picture")
    return at + 1, data[at]


def _quantisation_tables(segment: bytes) -> list[tuple[int, ...]]:
    tables = []
    at = 0
    while at < len(segment):
        wide = segment[at] >> 4
        tables.append(struct.unpack_from(">64H" if wide else ">64B", segment, at + 1))
        at += 129 if wide else 65
    return tables


def exif_orientation(exif: bytes) -> int:
    """Return the orientation (1 to 8) in an Exif block (a TIFF header and its first directory); else 1."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, entry)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
