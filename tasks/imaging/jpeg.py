"""What the head of a JPEG file tells: size, kind, how it was held, its profile, its tables, where its picture begins.

Read here rather than by Pillow because it is done for every file (a tenth of Pillow's time) and because only the place
where the picture begins lets a cut file be told for certain (see `decode`). Sources: ITU-T T.81, annex B; Exif 2.32;
ICC.1, annex B.4; CIPA DC-007 (several pictures in one file).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks.imaging.orientation import orientation_of
from tasks.imaging.tiff import first_directory

MAGIC = b"\xff\xd8\xff"
# All frames, the one of JPEG-LS last, though few of them are decoded: so a file says what it is.
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7}
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_DQT, _SOS, _EOI, _APP1, _APP2 = 0xDB, 0xDA, 0xD9, 0xE1, 0xE2
_EXIF, _XMP, _ICC, _SEVERAL = b"Exif\x00\x00", b"http://ns.adobe.com/xap/1.0/\x00", b"ICC_PROFILE\x00", b"MPF\x00"
_PICTURES = 0xB001


class JpegError(Exception):
    """The bytes end, or stop making sense, before the picture begins."""


@dataclass(frozen=True)
class JpegHeader:
    """`frame`: the SOF marker (0xC0 baseline, 0xC1 extended, 0xC2 progressive); `bits` per sample; `start`: offset of
    the first scan; `scan_components`: how many components that scan holds; `tables`: quantisation tables in file order;
    `icc`: the embedded profile, empty where there is none; `frames`: pictures in the file; `strays`: where bytes stand
    that belong to no segment, each (first, end).
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
    icc: bytes
    frames: int
    strays: tuple[tuple[int, int], ...] = ()

    def without_strays(self, data: bytes) -> bytes:
        """Return the file without the stray bytes before its picture, of which libjpeg would tell on standard error."""
        ends = [0, *(end for _, end in self.strays)]
        starts = [*(first for first, _ in self.strays), len(data)]
        return b"".join(data[end:start] for end, start in zip(ends, starts, strict=True))


@dataclass
class _Metadata:
    """What the application segments carry; Exif and the profile are put together from several."""

    exif: bytes = b""
    xmp: bytes = b""
    icc: list[bytes] = field(default_factory=list)
    frames: int = 1

    def take(self, marker: int, segment: bytes) -> None:
        """Keep what a segment adds. All Exif segments are one block: so the first of two whole ones counts."""
        if marker == _APP1 and segment.startswith(_EXIF):
            self.exif += segment[len(_EXIF) :]
        elif marker == _APP1 and segment.startswith(_XMP):
            self.xmp = segment[len(_XMP) :]
        elif marker == _APP2 and segment.startswith(_ICC):
            self.icc.append(segment[len(_ICC) :])
        elif marker == _APP2 and segment.startswith(_SEVERAL):
            directory = first_directory(segment[len(_SEVERAL) :])
            self.frames = min(max(1, directory.whole_number(_PICTURES)), len(segment)) if directory else 1

    def profile(self) -> bytes:
        """Return the profile, its parts in the order that they state; empty where some are missing."""
        parts = sorted(self.icc)
        is_whole = bool(parts) and parts[0][1:2] == bytes((len(parts) & 0xFF,))
        return b"".join(part[2:] for part in parts) if is_whole else b""


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Walk the segments up to the first scan; raises JpegError."""
    try:
        return _walk(data)
    except (IndexError, struct.error) as error:
        raise JpegError("ends before its picture begins") from error


def _walk(data: bytes) -> JpegHeader:
    frame: tuple[int, int, int, int, int] | None = None
    tables: list[tuple[int, ...]] = []
    metadata = _Metadata()
    strays: list[tuple[int, int]] = []
    before = 2
    for marker, segment, end in segments(data, 2):
        begin = end - len(segment) - 4
        if begin > before:
            strays.append((before, begin))
        before = end
        if marker == _SOS:
            if frame is None:
                raise JpegError("has no frame header")
            orientation = orientation_of(metadata.exif, metadata.xmp)
            told = (metadata.profile(), metadata.frames, tuple(strays))
            return JpegHeader(*frame, segment[0], orientation, tuple(tables), end, *told)
        if marker == _EOI:
            raise JpegError("has no picture")
        if marker == _DQT:
            tables += _quantisation_tables(segment)
        elif marker in _FRAMES:
            bits, height, width, components = struct.unpack_from(">BHHB", segment)
            frame = (width, height, marker, bits, components)
        else:
            metadata.take(marker, segment)
    raise JpegError("ends before its picture begins")


def segments(data: bytes, at: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield marker, content and end of each segment from an offset on, and of the end marker, without content.

    Bytes between segments are passed over, as libjpeg does; so is the coded picture behind a scan's header.
    """
    while True:
        at, marker = _next_marker(data, at)
        if marker in _ALONE:
            continue
        if marker == _EOI:
            yield marker, b"", at
            return
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2:
            raise JpegError("has a segment of no length")
        yield marker, data[at + 2 : at + length], at + length
        at += length


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the offset behind the next marker and the marker; a zero behind 0xFF says that it is none."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            raise JpegError("ends before its picture begins")
        while data[at] == 0xFF:
            at += 1
        if data[at]:
            return at + 1, data[at]


def _quantisation_tables(segment: bytes) -> list[tuple[int, ...]]:
    tables = []
    at = 0
    while at < len(segment):
        wide = segment[at] >> 4
        tables.append(struct.unpack_from(">64H" if wide else ">64B", segment, at + 1))
        at += 129 if wide else 65
    return tables


def all_scans_there(data: bytes, jpeg: JpegHeader) -> bool:
    """Return whether the scans that begin in a picture of several bring every coefficient to its last bit.

    Components are coded one after another, and in a progressive picture each coefficient in steps, so of a picture
    without an end marker only this tells that no scan is missing. The last scan may still be cut.
    """
    wanted = {(component, place) for component in range(jpeg.components) for place in range(64)}
    names: list[int] = []
    try:
        for marker, segment, _ in segments(data, 2):
            if marker == jpeg.frame:
                names = [segment[6 + 3 * number] for number in range(jpeg.components)]
            elif marker == _SOS:
                wanted -= _brought(segment, names)
    except (IndexError, ValueError, struct.error, JpegError):
        pass  # behind the last scan there is no marker
    return not wanted


def _brought(scan: bytes, names: list[int]) -> set[tuple[int, int]]:
    """Return the coefficients (component, place) that a scan brings to their last bit."""
    count = scan[0]
    first, last, bits = scan[1 + 2 * count : 4 + 2 * count]
    if bits & 15:
        return set()
    components = [names.index(scan[1 + 2 * number]) for number in range(count)]
    return {(component, place) for component in components for place in range(first, last + 1)}
