"""Decompress as a stream, never more at a time than was asked for: a kilobyte may stand for gigabytes."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from typing import Any, Protocol, cast

import zstandard

from tasks.sources.member import PIECE, Readable

# Zstandard and LZMA look back this far at most, and hold as much memory: `zstd --long=30`. (xz -9 asks for 64 MiB.)
MAX_WINDOW = 1 << 30

# Deflate makes at most 1,032 bytes of one. What grows more, by another method, was made to fill memory and time.
MAX_RATIO = 1100


class Decompressor(Protocol):
    """What bz2, lzma and Deflate have in common; `unused_data` is what follows the end of the compressed stream."""

    eof: bool
    needs_input: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return at most `max_length` bytes."""


class Deflate:
    """Raw deflate with the interface of the others."""

    def __init__(self) -> None:
        """Start a stream."""
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._pending = b""
        self.eof = False
        self.needs_input = True
        self.unused_data = b""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return at most `max_length` bytes; raises zlib.error."""
        found = self._inflater.decompress(self._pending + data, max_length)
        self._pending = self._inflater.unconsumed_tail
        self.eof, self.unused_data = self._inflater.eof, self._inflater.unused_data
        self.needs_input = not self._pending and len(found) < max_length
        return found


class Inflated:
    """What a compressed source holds, one stream after another (`many`) or one alone; it can be skipped forward."""

    def __init__(self, source: Readable, new: Callable[[], Decompressor], *, many: bool = False) -> None:
        """Read from where `source` stands."""
        self._source, self._new, self._many = source, new, many
        self._stream: Decompressor | None = new()
        self._ahead = b""
        self._at = 0

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end; raises EOFError where the source is cut."""
        while self._stream is not None:
            data, self._ahead = self._ahead, b""
            if not data and self._stream.needs_input and not (data := self._source.read(PIECE)):
                raise EOFError("the compressed data is cut short")
            found = self._stream.decompress(data, size)
            if self._stream.eof:
                self._next(self._stream.unused_data)
            if found:
                self._at += len(found)
                return found
        return b""

    def seek(self, offset: int, /) -> int:
        """Skip forward to a byte of the decompressed data, or to its end."""
        while self._at < offset and self.read(min(PIECE, offset - self._at)):
            pass
        return self._at

    def _next(self, rest: bytes) -> None:
        """Begin the stream that follows, if one does. Zeros between streams are xz's padding."""
        self._stream = None
        while self._many and (rest := rest.lstrip(b"\0") or self._source.read(PIECE)):
            if rest.strip(b"\0"):
                self._stream, self._ahead = self._new(), rest
                return


def new_bz2() -> Decompressor:
    """Return a decompressor of one bzip2 stream."""
    return cast(Decompressor, bz2.BZ2Decompressor())


def new_xz() -> Decompressor:
    """Return a decompressor of one .xz or .lzma stream; lzma.LZMAError past MAX_WINDOW of memory."""
    return cast(Decompressor, lzma.LZMADecompressor(memlimit=MAX_WINDOW))


def zstd_stream(source: Readable) -> Any:
    """Return a reader of Zstandard frames; zstandard.ZstdError past MAX_WINDOW."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    return decompressor.stream_reader(cast(Any, source), read_across_frames=True, closefd=False)


def zip_lzma(source: Readable) -> Inflated:
    """Return a reader of LZMA as a zip has it (APPNOTE.TXT 5.8.8); raises ValueError at a header that is none."""
    header = source.read(4)
    properties = source.read(int.from_bytes(header[2:4], "little")) if len(header) == 4 else b""
    if len(properties) != 5 or properties[0] >= 9 * 5 * 5:
        raise ValueError("no LZMA header")
    packed, window = struct.unpack("<BL", properties)
    if window > MAX_WINDOW:
        raise ValueError(f"an LZMA window of {window} bytes, more than the {MAX_WINDOW} that are read")
    filters = [
        {"id": lzma.FILTER_LZMA1, "lc": packed % 9, "lp": packed // 9 % 5, "pb": packed // 45, "dict_size": window}
    ]
    return Inflated(source, lambda: cast(Decompressor, lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)))
