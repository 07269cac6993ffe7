"""What a picture's file carries beside its pixels: text, Exif, XMP and C2PA blocks, found without decoding a pixel.

Every walk is bounded by the file: each step goes forward, at most MOST_PIECES of them, and what is kept of all blocks
together is at most MOST_BYTES. A block that makes no sense ends the walk; what came before it counts. Sources: ITU-T
T.81; PNG (third edition); WebP container; ISO 14496-12; Exif 2.32; C2PA 2.1, "Embedding manifests".
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MOST_PIECES = 50_000
MOST_BYTES = 1 << 24
MOST_TEXT = 1 << 20  # bytes of one text
_SOS, _EOI, _COM, _APP1, _APP11 = 0xDA, 0xD9, 0xFE, 0xE1, 0xEB
_ALONE = {0x00, 0x01, *range(0xD0, 0xD9)}  # markers without a length
_AFTER_FILL = re.compile(rb"[^\xff]")
_XMP, _XMP_MORE = b"http://ns.adobe.com/xap/1.0/\x00", b"http://ns.adobe.com/xmp/extension/\x00"
_XMP_MORE_HEAD = len(_XMP_MORE) + 40  # a digest, the whole length, the offset
_EXIF = b"Exif\x00\x00"
_TIFF = (b"II*\x00", b"MM\x00*")
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_TEXT_TAGS = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x013B: "Artist",
    0x9286: "UserComment",
    0x9C9C: "XPComment",
}
_XMP_TAG, _EXIF_TAG = 0x02BC, 0x8769
_ONE_BYTE = {1, 2, 6, 7}  # Exif's types whose values are single bytes
_MOST_TAGS = 512  # of one directory


@dataclass
class Notes:
    """`texts`: pairs of a key and its text; `xmp`: packets; `c2pa`: pieces of the manifest store."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    c2pa: list[bytes] = field(default_factory=list)
    unpacked: int = 0

    def unpack(self, packed: bytes) -> bytes:
        """Return the first MOST_TEXT bytes of what a block unfolds into; raises ValueError where all are too many."""
        text = zlib.decompressobj().decompress(packed, MOST_TEXT)
        self.unpacked += len(text)
        if self.unpacked > MOST_BYTES:
            raise ValueError("small blocks that unfold into many bytes")
        return text


def read_notes(data: bytes) -> Notes:
    """Return what a file of any kind carries; nothing is raised, whatever the bytes."""
    notes = Notes()
    kept = 0
    try:
        for kind, block in _walk(data):
            kept += len(block)
            if kept > MOST_BYTES:
                break
            _KINDS[kind](notes, block)
    except (IndexError, ValueError, OverflowError, struct.error, zlib.error):
        pass  # what came before the damage counts
    return notes


def _walk(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the blocks of a file: what they are, one of _KINDS, and their content."""
    if data.startswith(b"\xff\xd8"):
        return _joined_exif(_jpeg(data))
    if data.startswith(b"\x89PNG"):
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp":
        return _boxes(data)
    return iter([("exif", data)] if data[:4] in _TIFF else [])


def _jpeg(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 2
    for _ in range(MOST_PIECES):
        at = data.find(b"\xff", at)  # stray bytes between segments are passed over
        found = _AFTER_FILL.search(data, at) if at >= 0 else None
        if found is None or found[0][0] in (_SOS, _EOI):
            return
        marker, at = found[0][0], found.end()
        if marker in _ALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if marker in _JPEG_SEGMENTS:
            yield from _JPEG_SEGMENTS[marker](data[at + 2 : at + length])
        at += max(length, 2)


def _app1(segment: bytes) -> Iterator[tuple[str, bytes]]:
    if segment.startswith(_EXIF):
        yield "exif", segment[len(_EXIF) :]
    elif segment.startswith(_XMP):
        yield "xmp", segment[len(_XMP) :]
    elif segment.startswith(_XMP_MORE):
        yield "xmp", segment[_XMP_MORE_HEAD:]


def _app11(segment: bytes) -> Iterator[tuple[str, bytes]]:
    """JUMBF: `JP`, the box's number, the piece's, the box's length and type (which every piece repeats), content."""
    if segment[:2] == b"JP" and segment[12:16] == b"jumb":
        first = segment[4:8] == b"\x00\x00\x00\x01"
        yield "c2pa", segment[8 if first else 16 :]


_JPEG_SEGMENTS: dict[int, Callable[[bytes], Iterator[tuple[str, bytes]]]] = {
    _APP1: _app1,
    _APP11: _app11,
    _COM: lambda segment: iter([("text", b"Comment\x00" + segment)]),
}


def _joined_exif(blocks: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Join an Exif block that goes on in further segments; of several whole ones the first counts."""
    pieces: list[bytes] = []
    for kind, block in blocks:
        if kind != "exif":
            yield kind, block
        elif not pieces or block[:4] not in _TIFF:
            pieces.append(block)
    if pieces:
        yield "exif", b"".join(pieces)


def _png(data: bytes) -> Iterator[tuple[str, bytes]]:
    kinds = {b"tEXt": "text", b"zTXt": "ztxt", b"iTXt": "itxt", b"eXIf": "exif", b"caBX": "c2pa"}
    at = 8
    for _ in range(MOST_PIECES):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if len(name) < 4 or name == b"IEND":
            return
        if name in kinds:
            yield kinds[name], data[at + 8 : at + 8 + length]
        at += length + 12


def _webp(data: bytes) -> Iterator[tuple[str, bytes]]:
    kinds = {b"EXIF": "exif", b"XMP ": "xmp", b"C2PA": "c2pa"}
    at = 12
    for _ in range(MOST_PIECES):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if len(name) < 4:
            return
        if name in kinds:
            yield kinds[name], data[at + 8 : at + 8 + length].removeprefix(_EXIF)
        at += 8 + length + length % 2


def _boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """HEIF and AVIF: the box of C2PA; Exif and XMP, whose places only an index of items tells, by how they begin."""
    at = 0
    for _ in range(MOST_PIECES):
        length, name, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if len(name) < 4 or length < head:
            break
        if name == b"uuid" and data[at + head : at + head + 16] == _C2PA_UUID:
            yield "c2pa", data[data.find(b"jumb", at + head) - 4 : at + length]
        at += length
    for order in _TIFF:
        place = data.find(_EXIF + order)
        if place >= 0:
            yield "exif", data[place + len(_EXIF) : place + MOST_TEXT]
    start = data.find(b"<x:xmpmeta")
    if start >= 0:
        yield "xmp", data[start : start + MOST_TEXT]


def _add_text(notes: Notes, block: bytes) -> None:
    key, _, text = block[:MOST_TEXT].partition(b"\x00")
    _say(notes, key, text)


def _add_ztxt(notes: Notes, block: bytes) -> None:
    key, _, packed = block.partition(b"\x00")
    _say(notes, key, notes.unpack(packed[1:]))


def _add_itxt(notes: Notes, block: bytes) -> None:
    key, _, rest = block.partition(b"\x00")
    packed, (_, _, text) = rest[:1] == b"\x01", rest[2:].split(b"\x00", 2)
    text = notes.unpack(text) if packed else text[:MOST_TEXT]
    if key == b"XML:com.adobe.xmp":
        notes.xmp.append(text)
    else:
        _say(notes, key, text)


def _add_xmp(notes: Notes, block: bytes) -> None:
    notes.xmp.append(block[:MOST_TEXT])


def _add_c2pa(notes: Notes, block: bytes) -> None:
    notes.c2pa.append(block)


def _add_exif(notes: Notes, block: bytes) -> None:
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return
    directory = struct.unpack_from(order + "I", block, 4)[0]
    inner = _add_directory(notes, block, order, directory)
    if inner:
        _add_directory(notes, block, order, inner)


def _add_directory(notes: Notes, block: bytes, order: str, at: int) -> int:
    """Note the texts of a directory; returns where the directory of the exposure lies, 0 where there is none."""
    inner = 0
    (entries,) = struct.unpack_from(order + "H", block, at)
    for place in range(at + 2, at + 2 + 12 * min(entries, _MOST_TAGS), 12):
        tag, kind, count, value = struct.unpack_from(order + "HHII", block, place)
        if tag == _EXIF_TAG:
            inner = value
        elif (tag in _TEXT_TAGS or tag == _XMP_TAG) and kind in _ONE_BYTE:
            start = place + 8 if count <= 4 else value
            text = block[start : start + min(count, MOST_TEXT)]
            if tag == _XMP_TAG:
                notes.xmp.append(text)
            else:
                notes.texts.append((_TEXT_TAGS[tag], _exif_text(tag, text)))
    return inner


def _exif_text(tag: int, text: bytes) -> str:
    """Return a text in whichever of Exif's encodings: Microsoft's tags are UTF-16, a comment names its own."""
    if _TEXT_TAGS[tag] == "XPComment":
        return text.decode("utf-16-le", "replace").rstrip("\x00")
    if _TEXT_TAGS[tag] == "UserComment" and text[:8] == b"UNICODE\x00":
        big = text[8:72:2].count(0) >= text[9:72:2].count(0)  # whatever the file's order, writers use either
        return text[8:].decode("utf-16-be" if big else "utf-16-le", "replace").rstrip("\x00")
    return (text[8:] if _TEXT_TAGS[tag] == "UserComment" else text).decode("utf-8", "replace").rstrip("\x00")


def _say(notes: Notes, key: bytes, text: bytes) -> None:
    """Note a text, which writers leave in UTF-8 even where the format says Latin-1."""
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")
    notes.texts.append((key[:80].decode("latin-1"), decoded))


_KINDS: dict[str, Callable[[Notes, bytes], None]] = {
    "text": _add_text,
    "ztxt": _add_ztxt,
    "itxt": _add_itxt,
    "xmp": _add_xmp,
    "exif": _add_exif,
    "c2pa": _add_c2pa,
}
