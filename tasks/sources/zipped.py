"""A zip archive: random access by its central directory, or by a scan of what is left when that is damaged."""

from __future__ import annotations

import lzma
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import zstandard

from tasks.sources.broken_zip import LOCAL, LOCAL_MAGIC, salvage
from tasks.sources.inflate import MAX_RATIO, Deflate, Inflated, new_bz2, new_xz, zip_lzma, zstd_stream
from tasks.sources.location import Handle, Place
from tasks.sources.member import (
    MAX_MEMBER_BYTES,
    PIECE,
    Member,
    Readable,
    archive_damaged,
    failed,
    held,
    path_fault,
    read_bounded,
    too_large,
)
from tasks.sources.source import ListedSource, Source
from tasks.sources.status import Status
from tasks.sources.system_files import is_system_file, system_file
from tasks.sources.zipdirectory import DirectoryError, ZipEntry, read_directory

_ENCRYPTED = 0x1
# Offsets beyond 4 GiB without ZIP64, as Macs write them, count from the last multiple of it.
_WRAP = 1 << 32
_METHODS: dict[int, Callable[[Readable], Readable]] = {
    0: lambda source: source,
    8: lambda source: Inflated(source, Deflate),
    12: lambda source: Inflated(source, new_bz2),
    14: zip_lzma,
    93: zstd_stream,
    95: lambda source: Inflated(source, new_xz),
}
# Everything that reading and decompressing raise on damaged content (SourceError means the file itself).
_DAMAGE = (zlib.error, lzma.LZMAError, zstandard.ZstdError, struct.error, EOFError, OSError, ValueError)


class ZipSource(ListedSource):
    """Members in the order of the central directory; names given twice are two members."""

    kind = "zip"

    def __init__(self, place: Place, reopen: Callable[[], Source], encoding: str | None = None) -> None:
        """Index the archive; `encoding` is that of names that are no Unicode. Raises SourceError without files."""
        with closing(place.open()) as handle:
            entries = _index(handle, place, encoding)
        super().__init__(place, reopen, entries, _read_entries)


def _index(handle: Handle, place: Place, encoding: str | None) -> list[ZipEntry | Member]:
    """Return the files of the archive, and behind them a row for what cannot be read of a damaged one."""
    damage = ""
    try:
        found, in_front = read_directory(handle, place.url, encoding)
        handle.seek(0)
        if in_front > 0 and handle.read(len(LOCAL_MAGIC)) == LOCAL_MAGIC:
            damage = f"another archive stands in front, {in_front} bytes of it (two zips in one file?)"
    except DirectoryError as error:
        found, whole = salvage(handle, encoding)
        damage = "" if whole else f"the central directory cannot be read ({error})"
    files: list[ZipEntry | Member] = [entry for entry in found if not entry.path.endswith("/")]
    _mark_overlaps([entry for entry in found if entry.packed], handle.seek(0, os.SEEK_END))
    return [*files, *([archive_damaged(place.name, damage)] if damage else [])]


def _mark_overlaps(entries: list[ZipEntry], length: int) -> None:
    """Mark members that share their bytes with others, where all are more than the file holds: a zip bomb."""
    if sum(entry.packed for entry in entries) <= length:
        return
    end = -1
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset < end:
            entry.fault = "shares its bytes with other members (a zip bomb)"
        end = max(end, entry.offset + LOCAL.size + entry.packed)


def _read_entries(place: Place, entries: Sequence[ZipEntry | Member]) -> Iterator[Member]:
    """Read entries of the zip at `place` without its directory, through a handle of their own."""
    with closing(place.open()) as handle:
        yield from (entry if isinstance(entry, Member) else _member(handle, entry) for entry in entries)


def _member(handle: Handle, entry: ZipEntry) -> Member:
    if fault := _fault(entry):
        return failed(entry.path, *fault)
    if is_system_file(entry.path):
        return system_file(entry.path)
    if entry.size > MAX_MEMBER_BYTES:
        return too_large(entry.path, entry.size)
    try:
        return held(entry.path, _content(handle, entry))
    except _DAMAGE as error:
        return failed(entry.path, Status.ARCHIVE_DAMAGED, f"{type(error).__name__}: {error}")


def _fault(entry: ZipEntry) -> tuple[Status, str] | None:
    """Return why a member is never opened, or None."""
    if reason := path_fault(entry.path):
        return Status.UNSAFE_PATH, f"{reason}; never opened"
    if stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG):
        return Status.NOT_A_FILE, "a symbolic link" if stat.S_ISLNK(entry.mode) else "a device, pipe or socket"
    if entry.flags & _ENCRYPTED:
        return Status.ENCRYPTED, "needs a password; unpack it and give the folder"
    if entry.method not in _METHODS:
        return Status.UNREADABLE, f"compressed by method {entry.method}; pack it again with deflate"
    if entry.fault:
        return Status.ARCHIVE_DAMAGED, entry.fault
    if entry.size > max(PIECE, MAX_RATIO * entry.packed):
        return Status.TOO_LARGE, f"{entry.size} bytes packed into {entry.packed}: a decompression bomb, never opened"
    return None


def _content(handle: Handle, entry: ZipEntry) -> bytes:
    """Return a member's bytes; raises one of _DAMAGE where they are not what the directory says."""
    handle.seek(_data_start(handle, entry))
    data = read_bounded(_METHODS[entry.method](_Packed(handle, entry.packed)), entry.size)
    if data is None:
        raise ValueError(f"holds more than the {entry.size} bytes that the directory says")
    if len(data) != entry.size or zlib.crc32(data) != entry.crc:
        raise ValueError(f"its size or checksum is wrong ({len(data)} of {entry.size} bytes)")
    return data


def _data_start(handle: Handle, entry: ZipEntry) -> int:
    """Return where the member's data starts; raises ValueError where it has no local header.

    What a local header says of names and sizes is often wrong and never needed, but to tell which header it is in an
    archive whose offsets are modulo 2^32.
    """
    found: list[tuple[bytes, int]] = []
    for offset in range(entry.offset, handle.seek(0, os.SEEK_END), _WRAP):
        handle.seek(max(0, offset))
        header = handle.read(LOCAL.size)
        if offset >= 0 and len(header) == LOCAL.size and header.startswith(LOCAL_MAGIC):
            name_length, extra_length = LOCAL.unpack(header)[-2:]
            found.append((handle.read(name_length), offset + LOCAL.size + name_length + extra_length))
    if not found:
        raise ValueError(f"no local header at byte {entry.offset}")
    return next((start for name, start in found if name == entry.raw), found[0][1])


class _Packed:
    """The compressed bytes of one member."""

    def __init__(self, handle: Handle, size: int) -> None:
        self._handle, self._left = handle, size

    def read(self, size: int = -1, /) -> bytes:
        data = self._handle.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data
