"""The central directory of a zip, found and read with what tools in the field write, right or wrong.

APPNOTE.TXT 6.3.10, sections 4.3.12 (directory), 4.3.14 and 4.3.15 (ZIP64) and 4.3.16 (end record). `zipfile` gives up
at a bad extra field, at a signature in the comment and where more than 64 KiB stand behind the archive.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.sources.location import Handle
from tasks.sources.member import NoDumpError
from tasks.sources.zipnames import extra_fields, member_path

CENTRAL_MAGIC = b"PK\x01\x02"
_END_MAGIC, _END64_MAGIC, _LOCATOR_MAGIC = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_CENTRAL = struct.Struct("<4s2B5H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_IN_ZIP64_FIELD = 0xFFFFFFFF
# Where the end record is looked for: a longest comment from the end, then further, for what was appended to archives.
_TAILS = (_END.size + 0xFFFF, 1024 * 1024 + _END.size + 0xFFFF)


class DirectoryError(Exception):
    """No directory, or none that can be read; the message says why."""


@dataclass(slots=True)
class ZipEntry:
    """A member as its header describes it; `raw` is its name in bytes, `offset` where its local header should be."""

    path: str
    raw: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int = 0
    fault: str = ""


@dataclass(frozen=True)
class _End:
    """What an end record says: the directory's place in the file, and by how much the offsets in it are too small."""

    at: int
    start: int
    size: int
    shift: int
    exact: bool


def read_directory(handle: Handle, url: str, encoding: str | None) -> tuple[list[ZipEntry], int]:
    """Return the entries of the central directory and how many bytes stand in front of the archive
    (negative: how many are lost there).

    Raises DirectoryError where there is none or it is damaged, and NoDumpError for one part of a split archive.
    """
    end = _find_end(handle, url)
    if end is None:
        raise DirectoryError("its end record is missing")
    handle.seek(end.start)
    return list(entries_of(handle.read(end.size), end.shift, encoding)), end.shift


def entries_of(directory: bytes, shift: int, encoding: str | None) -> Iterator[ZipEntry]:
    """Yield the entries of a directory, their offsets moved by `shift`; raises DirectoryError at a bad one."""
    at = 0
    while at < len(directory):
        entry, at = _entry_at(directory, at, encoding)
        entry.offset += shift
        yield entry


def _entry_at(directory: bytes, at: int, encoding: str | None) -> tuple[ZipEntry, int]:
    if not directory.startswith(CENTRAL_MAGIC, at) or at + _CENTRAL.size > len(directory):
        raise DirectoryError(f"no valid entry at its byte {at}")
    fields = _CENTRAL.unpack_from(directory, at)
    _, _, system, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length = fields[:14]
    attributes, offset = fields[16:]
    name_end = at + _CENTRAL.size + name_length
    end = name_end + extra_length + comment_length
    if end > len(directory):
        raise DirectoryError(f"the entry at its byte {at} is cut")
    raw, extra = directory[at + _CENTRAL.size : name_end], directory[name_end : name_end + extra_length]
    size, packed, offset = _from_zip64(extra, size, packed, offset)
    path = member_path(raw, flags, system, extra, encoding)
    return ZipEntry(path, raw, flags, method, crc, packed, size, offset, attributes >> 16), end


def _from_zip64(extra: bytes, *values: int) -> tuple[int, ...]:
    """Return size, packed size and offset, those that the header defers from the ZIP64 field, in its order."""
    field = next((content for kind, content in extra_fields(extra) if kind == 1), b"")
    wide = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
    return tuple(next(wide, value) if value == _IN_ZIP64_FIELD else value for value in values)


def _find_end(handle: Handle, url: str) -> _End | None:
    length = handle.seek(0, os.SEEK_END)
    for reach in _TAILS:
        start = max(0, length - reach)
        handle.seek(start)
        tail = handle.read(length - start)
        found = list(_ends(handle, tail, start, url))
        # A comment may hold a signature: the record whose comment reaches to the end of the file encloses it.
        exact = [end for end in found if end.exact]
        if found:
            return exact[0] if exact else max(found, key=lambda end: (end.size > 0, end.at))
    return None


def _ends(handle: Handle, tail: bytes, start: int, url: str) -> Iterator[_End]:
    """Yield what is really an end record, from the first to the last."""
    at = tail.find(_END_MAGIC)
    while 0 <= at <= len(tail) - _END.size:
        _, disk, first_disk, _, total, size, offset, comment = _END.unpack_from(tail, at)
        exact = at + _END.size + comment == len(tail)
        if exact and disk not in (0, 0xFFFF) and first_disk <= disk:
            raise NoDumpError(
                f"{url}: is the last part of a split zip; put its parts (.z01, .z02, ...) beside it, join them with "
                "`zip -s 0 PARTS.zip --out JOINED.zip`, and give the joined one"
            )
        stop = start + at
        wide = _end64(handle, stop) if _IN_ZIP64_FIELD in (size, offset) or total == 0xFFFF else None
        if wide is not None:
            stop, total, size, offset = wide
        if (first := _directory_start(handle, stop, size, offset, total)) is not None:
            # Macs write offsets modulo 2^32: those are no bytes in front.
            shift = 0 if (first - offset) % (1 << 32) == 0 else first - offset
            yield _End(start + at, first, size, shift, exact)
        at = tail.find(_END_MAGIC, at + 1)


def _directory_start(handle: Handle, stop: int, size: int, offset: int, total: int) -> int | None:
    """Return where the directory of `size` bytes starts: directly in front of `stop`, or else at `offset`."""
    if not size:
        return None if total else stop
    for first in (stop - size, offset):
        if 0 <= first < stop:
            handle.seek(first)
            if handle.read(len(CENTRAL_MAGIC)) == CENTRAL_MAGIC:
                return first
    return None


def _end64(handle: Handle, stop: int) -> tuple[int, int, int, int] | None:
    """Return (its place, members, size and offset of the directory) of the ZIP64 end record in front of `stop`."""
    if stop < _LOCATOR.size:
        return None
    handle.seek(stop - _LOCATOR.size)
    magic, _, offset, _ = _LOCATOR.unpack(handle.read(_LOCATOR.size))
    if magic != _LOCATOR_MAGIC:
        return None
    # With bytes in front of the archive the record stands further on, directly before its locator.
    for at in (stop - _LOCATOR.size - _END64.size, offset):
        if 0 <= at <= stop - _LOCATOR.size - _END64.size:
            handle.seek(at)
            fields = _END64.unpack(handle.read(_END64.size))
            if fields[0] == _END64_MAGIC:
                return at, *fields[7:10]
    return None
