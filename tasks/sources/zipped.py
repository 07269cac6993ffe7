"""A zip archive: random access by its central directory, or by a scan of what is left when that is damaged."""

from __future__ import annotations

import functools
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from tasks.sources.member import (
    MAX_MEMBER_BYTES,
    Member,
    archive_damaged,
    clean_path,
    failed,
    path_fault,
    printable,
    read_bounded,
    too_large,
)
from tasks.sources.place import Place
from tasks.sources.salvage import WithTail, scan_local_headers
from tasks.sources.source import IndexedSource, Part, RowReader, Source
from tasks.sources.status import Status

# An archive without members: behind a file it lets zipfile read members that are known already, by a scan of a damaged
# archive or from the directory that another process has read.
EMPTY_DIRECTORY = b"PK\x05\x06" + bytes(18)
_ENCRYPTED = 0x1
# Everything that zipfile and its decompressors raise on damaged content (SourceError means the file itself).
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, OverflowError)


class ZipSource(IndexedSource):
    """Members in the order of the central directory; names given twice are two members."""

    kind = "zip"

    def __init__(self, place: Place, reopen: Callable[[], Source]) -> None:
        """Index the archive; raises SourceError when it holds no files."""
        super().__init__(place, reopen)
        self._handle = place.open()
        # ZipFile shares this handle among the threads that read members, under a lock of its own.
        self._damage = ""
        self._zip = self._open_zip()
        if not self.count():
            self.close()
            raise self._empty()

    def count(self) -> int:
        """Return the number of members, and one more for the unreadable rest of a damaged archive."""
        return len(self._infos) + bool(self._damage)

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the members in these rows."""
        return _members(self._zip, self._entries(start, stop))

    def part(self, start: int, stop: int) -> RowReader:
        """Return these rows as they travel: nobody reads the whole directory again."""
        if self.place.downloaded:
            return self
        return Part(start, self._entries(start, stop), functools.partial(_read_entries, self.place))

    def find(self, path: str) -> int | None:
        """Return the row of the first member with this path."""
        return next((row for row, info in enumerate(self._infos) if printable(clean_path(info.filename)) == path), None)

    def close(self) -> None:
        """Close the archive."""
        self._handle.close()

    def _open_zip(self) -> zipfile.ZipFile:
        try:
            archive = zipfile.ZipFile(self._handle)
            self._infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
        except (*_DAMAGE, NotImplementedError) as error:
            self._damage = f"the central directory cannot be read ({error})"
            self._infos = [info for info in scan_local_headers(self._handle) if not info.filename.endswith("/")]
            archive = zipfile.ZipFile(WithTail(self._handle, EMPTY_DIRECTORY))
        return archive

    def _entries(self, start: int, stop: int) -> list[zipfile.ZipInfo | Member]:
        rest = self._damage and start <= len(self._infos) < stop
        return [*self._infos[start:stop], *([archive_damaged(self.name, self._damage)] if rest else [])]


def _read_entries(place: Place, entries: Sequence[zipfile.ZipInfo | Member]) -> Iterator[Member]:
    """Read entries of the zip at `place` without its directory, through a handle of their own."""
    with closing(place.open()) as handle:
        yield from _members(zipfile.ZipFile(WithTail(handle, EMPTY_DIRECTORY)), entries)


def _members(archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo | Member]) -> Iterator[Member]:
    return (entry if isinstance(entry, Member) else _member(archive, entry) for entry in entries)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    path = clean_path(info.filename)
    fault = _fault(info, path)
    if fault:
        return failed(path, *fault)
    if info.file_size > MAX_MEMBER_BYTES:
        return too_large(path, info.file_size)
    try:
        with archive.open(info) as stream:
            data = read_bounded(stream, MAX_MEMBER_BYTES)
    except NotImplementedError as error:
        return failed(path, Status.UNREADABLE, f"{error}; pack it again with deflate")
    except _DAMAGE as error:
        return failed(path, Status.ARCHIVE_DAMAGED, f"{type(error).__name__}: {error}")
    return too_large(path, info.file_size) if data is None else Member(printable(path), data)


def _fault(info: zipfile.ZipInfo, path: str) -> tuple[Status, str] | None:
    if reason := path_fault(path):
        return Status.UNSAFE_PATH, f"{reason}; never opened"
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return Status.NOT_A_FILE, "a symbolic link" if stat.S_ISLNK(mode) else "a device, pipe or socket"
    if info.flag_bits & _ENCRYPTED:
        return Status.ENCRYPTED, "needs a password; unpack it and give the folder"
    return None
