"""The directories of a TIFF file, which Exif blocks and most cameras' raw files are made of (TIFF 6.0; DNG 1.7)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Numbers by TIFF's types. BYTE is left out: readers take it for bytes, not for a number.
_NUMBERS = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q"}
_FRACTIONS = {5: "I", 10: "i"}
_SIZES = {"b": 1, "H": 2, "h": 2, "I": 4, "i": 4, "f": 4, "d": 8, "Q": 8}
_BYTES = (1, 2, 7)
_MOST_VALUES = 64  # of one entry
_MOST_DIRECTORIES = 10_000

_KIND, _COMPRESSION, _PHOTOMETRIC, _SUB_DIRECTORIES = 0x00FE, 0x0103, 0x0106, 0x014A
_REDUCED = 1  # in _KIND: a smaller copy of another picture in the file
# Entries that only raw files have: the mosaic of the sensor (TIFF/EP), Leaf's and Adobe's.
_OF_RAW = {0x828D: "TIFF/EP", 0x828E: "TIFF/EP", 0x8606: "Leaf", 0xC612: "DNG"}
_SENSOR = (32803, 34892)  # photometric: colour filter array, linear raw
_RAW_COMPRESSIONS = {32767: "Sony", 32770: "Samsung", 34713: "Nikon", 65000: "Kodak", 65535: "Pentax"}


@dataclass(frozen=True)
class Directory:
    """One directory of `block`: its entries by tag (type, number of values, offset of the entry's last four bytes)."""

    block: bytes
    order: str
    entries: dict[int, tuple[int, int, int]]
    next: int

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return an entry's values; none where it is absent, no number, or beyond the end."""
        kind, count, at = self.entries.get(tag, (0, 0, 0))
        letter = _NUMBERS.get(kind) or _FRACTIONS.get(kind)
        count = min(count, _MOST_VALUES)
        if letter is None or not count:
            return ()
        each = 2 if kind in _FRACTIONS else 1
        try:
            if _SIZES[letter] * each * count > 4:
                (at,) = struct.unpack_from(self.order + "I", self.block, at)
            values = struct.unpack_from(f"{self.order}{count * each}{letter}", self.block, at)
        except struct.error:
            return ()
        return values if each == 1 else _divided(values)

    def number(self, tag: int) -> float | None:
        """Return the first of an entry's values."""
        return next(iter(self.numbers(tag)), None)

    def whole_number(self, tag: int) -> int:
        """Return the first of an entry's values if it is a whole number, else 0."""
        value = self.number(tag)
        return value if isinstance(value, int) else 0

    def holds_bytes(self, tag: int) -> bool:
        """Return whether an entry is there and holds bytes or text where a number might be expected."""
        kind, count, _ = self.entries.get(tag, (0, 0, 0))
        return kind in _BYTES and count > 0


def _divided(values: tuple[float, ...]) -> tuple[float, ...]:
    pairs = zip(values[::2], values[1::2], strict=True)
    return tuple(above / below if below else float("nan") for above, below in pairs)


def first_directory(block: bytes) -> Directory | None:
    """Return the first directory of a TIFF file or Exif block; None where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return None
    return directory_at(block, order, struct.unpack_from(order + "I", block, 4)[0])


def directory_at(block: bytes, order: str, at: int) -> Directory | None:
    """Return the directory at an offset, with the entries that lie before the end; of equal tags the first counts."""
    if not at or at + 2 > len(block):
        return None
    (count,) = struct.unpack_from(order + "H", block, at)
    whole = min(count, (len(block) - at - 2) // 12)
    entries: dict[int, tuple[int, int, int]] = {}
    for place in range(at + 2, at + 2 + 12 * whole, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", block, place)
        entries.setdefault(tag, (kind, values, place + 8))
    end = at + 2 + 12 * count
    following = struct.unpack_from(order + "I", block, end)[0] if end + 4 <= len(block) else 0
    return Directory(block, order, entries, following)


def pages(block: bytes) -> Iterator[Directory]:
    """Yield the directories of a file's pages, each once however they are chained."""
    directory = first_directory(block)
    seen: set[int] = set()
    while directory is not None:
        yield directory
        if directory.next in seen or len(seen) >= _MOST_DIRECTORIES:
            return
        seen.add(directory.next)
        directory = directory_at(block, directory.order, directory.next)


def raw_kind(block: bytes) -> str | None:
    """Return why a TIFF file is a camera's raw file: whose, or what tells; None for a picture.

    Its first page is then a preview, and the photograph lies in pages that only a developer of raw files understands.
    """
    for number, page in enumerate(pages(block)):
        places = (at for at in page.numbers(_SUB_DIRECTORIES) if isinstance(at, int) and at > 0)
        below = [directory_at(block, page.order, at) for at in places]
        for directory in (page, *filter(None, below)):
            kind = _raw_entry(directory)
            if kind:
                return kind
        if number == 0 and any(below) and page.whole_number(_KIND) & _REDUCED:
            return "its first page is a preview"
    return None


def _raw_entry(directory: Directory) -> str | None:
    told = next((name for tag, name in _OF_RAW.items() if tag in directory.entries), None)
    if told:
        return told
    if directory.whole_number(_PHOTOMETRIC) in _SENSOR:
        return "a sensor's mosaic"
    return _RAW_COMPRESSIONS.get(directory.whole_number(_COMPRESSION))
