"""What can be read of a zip archive whose end record is gone (a download that was cut, mostly).

Layout of local headers and data descriptors: APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.9 and 4.5.3.
"""

from __future__ import annotations

import os
import struct
import zlib

from tasks.sources.location import Handle
from tasks.sources.member import PIECE
from tasks.sources.zipdirectory import CENTRAL_MAGIC, DirectoryError, ZipEntry, entries_of
from tasks.sources.zipnames import extra_fields, member_path

LOCAL = struct.Struct("<4s2B4HL2L2H")
LOCAL_MAGIC = b"PK\x03\x04"
_DESCRIPTOR_MAGIC = b"PK\x07\x08"
_DESCRIPTOR_FOLLOWS = 0x8
_IN_ZIP64_FIELD = 0xFFFFFFFF
_DEFLATED = 8
# What follows a whole directory.
_AFTER_DIRECTORY = (b"PK\x05\x06", b"PK\x06\x06")
# Of some million members.
MAX_DIRECTORY = 512 * 1024 * 1024


def salvage(handle: Handle, encoding: str | None) -> tuple[list[ZipEntry], bool]:
    """Return the members that are complete, from the first byte on up to the first that is not, and if those are all.

    They are all where a whole central directory follows them, however much stands behind it.
    """
    length = handle.seek(0, os.SEEK_END)
    offset = 0
    found: list[ZipEntry] = []
    while (one := _member_at(handle, offset, length, encoding)) is not None:
        entry, offset = one
        found.append(entry)
    listed = _directory_at(handle, offset, len(found), encoding)
    return (listed, True) if listed else (found, False)


def _directory_at(handle: Handle, offset: int, count: int, encoding: str | None) -> list[ZipEntry]:
    """Return the `count` entries of a whole central directory at `offset`, or none."""
    handle.seek(offset)
    if handle.read(len(CENTRAL_MAGIC)) != CENTRAL_MAGIC:
        return []
    handle.seek(offset)
    rest = handle.read(MAX_DIRECTORY)
    end = min((at for magic in _AFTER_DIRECTORY if (at := rest.find(magic)) >= 0), default=0)
    try:
        entries = list(entries_of(rest[:end], 0, encoding))
    except DirectoryError:
        return []
    return entries if len(entries) == count else []


def _member_at(handle: Handle, offset: int, length: int, encoding: str | None) -> tuple[ZipEntry, int] | None:
    """Return the member whose header stands at `offset` and where the next one starts; None if it is not whole."""
    handle.seek(offset)
    header = handle.read(LOCAL.size)
    if len(header) < LOCAL.size or not header.startswith(LOCAL_MAGIC):
        return None
    _, _, system, flags, method, _, _, crc, packed, size, name_length, extra_length = LOCAL.unpack(header)
    name, extra = handle.read(name_length), handle.read(extra_length)
    packed, size = _sizes(extra, packed, size)
    path = member_path(name, flags, system, extra, encoding)
    entry = ZipEntry(path, name, flags, method, crc, packed, size, offset)
    start = offset + LOCAL.size + name_length + extra_length
    end: int | None = start + packed
    if flags & _DESCRIPTOR_FOLLOWS:
        end = _apply_descriptor(handle, entry, start)
    return (entry, end) if end is not None and end <= length else None


def _sizes(extra: bytes, packed: int, size: int) -> tuple[int, int]:
    """Return compressed and full size in bytes, from the ZIP64 field where the header defers to it."""
    if _IN_ZIP64_FIELD in (packed, size):
        for kind, content in extra_fields(extra):
            if kind == 1 and len(content) >= 16:
                full, compressed = struct.unpack_from("<2Q", content)
                return compressed, full
    return packed, size


def _apply_descriptor(handle: Handle, entry: ZipEntry, start: int) -> int | None:
    """Take sizes and CRC from behind the data, whose end only inflating it can tell; returns where it all ends."""
    if entry.method != _DEFLATED or entry.flags & 1:
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
                    entry.crc, entry.packed, entry.size = crc, packed, size
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
