"""What the chunks of a PNG file tell beside its pixels, and the file without them (PNG, third edition).

Read here rather than by Pillow because Pillow refuses the whole picture for a text or a profile of more than a
megabyte, and because what says how to turn or colour a picture may stand behind its pixels. A text of any length costs
nothing: only the few that matter are unfolded, and these up to MOST_UNFOLDED bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks.imaging.errors import ImageError
from tasks.sources.status import Status

MOST_UNFOLDED = 1 << 24
_STEP = 1 << 12  # folded bytes at a time: a thousand times as many unfolded at most
_START = 8  # behind the signature
_ANCILLARY = 0x20  # set in the first letter of a chunk that is not needed for decoding
_KEPT = (b"tRNS",)
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_EXIF_TEXTS = (b"Raw profile type exif", b"Raw profile type APP1")
_XMP_TEXT = b"XML:com.adobe.xmp"
_DEPTH, _KIND = 24, 25  # offsets in the file: bits a sample, colour type
_COLOUR = 2  # set in the type of a picture in colour


@dataclass
class PngFacts:
    """`exif`, `xmp`, `icc`: as embedded, empty where absent; `gamma`, `chromaticities`: of gAMA and cHRM as fractions;
    `code_points`: of cICP; `key`: the transparent number of a grey picture; `content`: the file without chunks that
    decoding does not need.
    """

    bits: int
    is_grey: bool
    exif: bytes = b""
    xmp: bytes = b""
    icc: bytes = b""
    is_srgb: bool = False
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    code_points: tuple[int, ...] | None = None
    key: int | None = None
    frames: int = 1
    content: bytes = b""
    profiles: dict[bytes, bytes] = field(default_factory=dict)

    def check_pixels(self) -> None:
        """Unfold the pixels to their end, whatever they are; raises ImageError where they are damaged or cut."""
        stream = zlib.decompressobj()
        try:
            for kind, at, end in _chunks(self.content):
                for start in range(at + 8, end - 4, _STEP) if kind == b"IDAT" else ():
                    stream.decompress(self.content[start : min(start + _STEP, end - 4)])
        except zlib.error as error:
            raise ImageError(Status.UNREADABLE, f"PNG: {error}") from None
        if not stream.eof:
            raise ImageError(Status.TRUNCATED, "PNG whose picture ends early")


def read_png(data: bytes) -> PngFacts:
    """Return what the chunks tell; a file that ends early or makes no sense keeps what its decoder needs to say so."""
    bits, colours = data[_DEPTH : _KIND + 1] if len(data) > _KIND else (8, 0)
    facts = PngFacts(bits, is_grey=not colours & _COLOUR)
    kept, end = [data[:_START]], _START
    for kind, at, end in _chunks(data):
        if not kind[0] & _ANCILLARY or kind in _KEPT:
            kept.append(data[at:end])
        _take(facts, kind, data[at + 8 : end - 4])
    facts.content = data if sum(map(len, kept)) == end else b"".join([*kept, data[end:]])
    for name in _EXIF_TEXTS:
        facts.exif = facts.exif or _profile_of(facts.profiles.get(name, b""))
    return facts


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each whole chunk's kind, where it starts and where it ends."""
    at = _START
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data) or not kind.isalpha():
            return
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end


def _take(facts: PngFacts, kind: bytes, body: bytes) -> None:
    try:
        if kind in _TEXTS:
            _take_text(facts, kind, body)
        elif kind == b"eXIf":
            facts.exif = body
        elif kind == b"iCCP":
            facts.icc = unfold(body.partition(b"\x00")[2][1:])
        elif kind in (b"gAMA", b"cHRM", b"sRGB", b"cICP"):
            _take_colour(facts, kind, body)
        elif kind == b"tRNS" and facts.is_grey:
            (facts.key,) = struct.unpack_from(">H", body)
        elif kind == b"acTL":
            facts.frames = max(1, min(struct.unpack_from(">I", body)[0], 2**31 - 1))
    except struct.error:
        return  # too short: as if it were not there


def _take_colour(facts: PngFacts, kind: bytes, body: bytes) -> None:
    if kind == b"sRGB":
        facts.is_srgb = True
    elif kind == b"gAMA":
        facts.gamma = struct.unpack_from(">I", body)[0] / 100_000
    elif kind == b"cHRM":
        facts.chromaticities = tuple(value / 100_000 for value in struct.unpack_from(">8I", body))
    else:
        facts.code_points = struct.unpack_from("4B", body)


def _take_text(facts: PngFacts, kind: bytes, body: bytes) -> None:
    name, _, rest = body.partition(b"\x00")
    if name not in (*_EXIF_TEXTS, _XMP_TEXT):
        return
    text = _text(kind, rest)
    if name == _XMP_TEXT:
        facts.xmp = text
    else:
        facts.profiles[name] = text


def _text(kind: bytes, rest: bytes) -> bytes:
    """Return a text's content; of iTXt, what stands behind the two flags, the language and the translated name."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return unfold(rest[1:])
    is_folded, content = rest[:1] == b"\x01", rest[2:].split(b"\x00", 2)[-1]
    return unfold(content) if is_folded else content


def _profile_of(text: bytes) -> bytes:
    """Return the bytes of ImageMagick's "raw profile": a name, a length, then hexadecimal lines."""
    try:
        return bytes.fromhex("".join(text.decode("ascii").split("\n")[3:]))
    except ValueError:
        return b""


def unfold(content: bytes) -> bytes:
    """Return what zlib folded; nothing where it is damaged or longer than MOST_UNFOLDED."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(content, MOST_UNFOLDED)
    except zlib.error:
        return b""
    return b"" if stream.unconsumed_tail else plain
