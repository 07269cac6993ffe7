"""What can be read of a zip archive whose central directory is gone (a download that was cut, mostly).

Layout of local headers and data descriptors: APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.9 and 4.5.3.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator

from tasks.sources.member import PIECE
from tasks.sources.place import Handle

_LOCAL = struct.Struct("<4s2B4HL2L2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_DESCRIPTOR_MAGIC = b"PK\x07\x08"
_DESCRIPTOR_FOLLOWS = 0x8
_UTF8_NAME = 0x800
_IN_ZIP64_FIELD = 0xFFFFFFFF


class WithTail:
    """A file with a few bytes more behind its end, for zipfile looks for the central directory there."""

    def __init__(self, handle: Handle, tail: bytes) -> None:
        """Put `tail` behind the file."""
        self._handle, self._tail = handle, tail
        self._length = handle.seek(0, os.SEEK_END)
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a byte of the longer file."""
        origin = (0, self._at, self._length + len(self._tail))[whence]
        if origin + offset < 0:
            raise OSError("seek before the start")
        self._at = origin + offset
        return self._at

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._at

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer only at the end; all the rest when negative."""
        stop = self._length + len(self._tail) if size < 0 else self._at + size
        data = b""
        if self._at < self._length:
            self._handle.seek(self._at)
            data = self._handle.read(min(stop, self._length) - self._at)
        tail = self._tail[max(0, self._at + len(data) - self._length) : max(0, stop - self._length)]
        self._at += len(data) + len(tail)
        return data + tail


def scan_local_headers(handle: Handle) -> Iterator[zipfile.ZipInfo]:
    """Yield the members that are complete, from the first byte on up to the first that is not."""
    length = handle.seek(0, os.SEEK_END)
    offset = 0
    while (found := _member_at(handle, offset, length)) is not None:
        info, offset = found
        yield info


def _member_at(handle: Handle, offset: int, length: int) -> tuple[zipfile.ZipInfo, int] | None:
    """Return the member whose header stands at `offset` and where the next one starts; None if it is not whole."""
    handle.seek(offset)
    header = handle.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_MAGIC):
        return None
    _, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(header)
    name, extra = handle.read(name_length), handle.read(extra_length)
    info = zipfile.ZipInfo(_decode(name, flags))
    info.header_offset, info.flag_bits, info.compress_type, info.CRC = offset, flags, method, crc
    info.compress_size, info.file_size = _sizes(extra, packed, size)
    start = offset + _LOCAL.size + name_length + extra_length
    end: int | None = start + info.compress_size
    if flags & _DESCRIPTOR_FOLLOWS:
        end = _apply_descriptor(handle, info, start)
    return (info, end) if end is not None and end <= length else None


def _decode(name: bytes, flags: int) -> str:
    # zipfile compares the name with the header's when it opens the member: an undecodable one is its BadZipFile then.
    return name.decode("utf-8", "replace") if flags & _UTF8_NAME else name.decode("cp437")


def _sizes(extra: bytes, packed: int, size: int) -> tuple[int, int]:
    """Return compressed and full size in bytes, from the ZIP64 field where the header defers to it."""
    if _IN_ZIP64_FIELD not in (packed, size):
        return packed, size
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1 and length >= 16 and at + 20 <= len(extra):
            full, compressed = struct.unpack_from("<2Q", extra, at + 4)
            return compressed, full
        at += 4 + length
    return packed, size


def _apply_descriptor(handle: Handle, info: zipfile.ZipInfo, start: int) -> int | None:
    """Take sizes and CRC from behind the data, whose end only inflating it can tell; returns where it all ends."""
    if info.compress_type != zipfile.ZIP_DEFLATED or info.flag_bits & 1:
        return None
    found = _inflated_length(handle, start)
    if found is None:
        return None
    handle.seek(start + found)
    tail = handle.read(24)
    for magic in (_DESCRIPTOR_MAGIC, b""):
        for layout in ("<L2L", "<L2Q"):
            need = len(magic) + struct.calcsize(layout)
            if len(tail) >= need and tail.startswith(magic):
                crc, packed, size = struct.unpack_from(layout, tail, len(magic))
                if packed == found:
                    info.CRC, info.compress_size, info.file_size = crc, packed, size
                    return start + found + need
    return None


def _inflated_length(handle: Handle, start: int) -> int | None:
    """Return how many bytes the deflated data at `start` takes, or None when it is cut or no deflate at all."""
    handle.seek(start)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    taken = 0
    pending = b""
    try:
        while not inflater.eof:
            if not pending:
                pending = handle.read(PIECE)
                taken += len(pending)
            if not pending:
                return None
            # At most one piece of output at a time: what it would grow to is not known yet.
            inflater.decompress(pending, PIECE)
            pending = inflater.unconsumed_tail
    except zlib.error:
        return None
    return taken - len(inflater.unused_data)
