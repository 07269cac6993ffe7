"""Tar archives: a plain one by an index of its headers, a compressed one as a stream."""

from __future__ import annotations

import functools
import gzip
import os
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, cast

import zstandard

from tasks.sources.member import Member, archive_damaged, clean_path, printable
from tasks.sources.place import Handle, Place
from tasks.sources.source import IndexedSource, Part, RowReader, Source, StreamSource
from tasks.sources.status import Status
from tasks.sources.tarindex import Entry, TarIndex
from tasks.sources.tarwalk import DAMAGE, Forward, Stream, assemble, extents, refused, walk


class TarSource(IndexedSource):
    """A plain tar; its headers are read once, its members from any thread."""

    kind = "tar"

    def __init__(self, place: Place, reopen: Callable[[], Source]) -> None:
        """Index the archive; raises SourceError when it holds no files."""
        super().__init__(place, reopen)
        self._handle = place.open()
        self._reading = threading.Lock()
        self._entries = TarIndex()
        self._index()
        if not len(self._entries):
            self.close()
            raise self._empty()

    def count(self) -> int:
        """Return the number of members, and one more for the unreadable rest of a damaged archive."""
        return len(self._entries)

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the members in these rows."""
        return (self._member(self._entries[row]) for row in self._range(start, stop))

    def part(self, start: int, stop: int) -> RowReader:
        """Return these rows as they travel: nobody walks through the headers again."""
        if self.place.downloaded:
            return self
        entries = [self._entries[row] for row in self._range(start, stop)]
        return Part(start, entries, functools.partial(_read_entries, self.place))

    def find(self, path: str) -> int | None:
        """Return the row of the first member with this path."""
        return next((row for row in range(len(self._entries)) if self._entries.path(row) == path), None)

    def close(self) -> None:
        """Close the archive."""
        self._handle.close()

    def _index(self) -> None:
        length = self._handle.seek(0, os.SEEK_END)
        self._handle.seek(0)
        try:
            for info, _ in walk(self._handle):
                self._entries.append(refused(info) or _entry(info, length))
        except DAMAGE as error:
            self._entries.append(archive_damaged(self.name, f"{type(error).__name__}: {error}"))

    def _range(self, start: int, stop: int) -> range:
        return range(start, min(stop, len(self._entries)))

    def _member(self, entry: Entry | Member) -> Member:
        with self._reading:
            return _read_entry(self._handle, entry)


def _read_entries(place: Place, entries: Sequence[Entry | Member]) -> Iterator[Member]:
    """Read entries of the tar at `place` without its index, through a handle of their own."""
    with closing(place.open()) as handle:
        yield from (_read_entry(handle, entry) for entry in entries)


def _read_entry(handle: Handle, entry: Entry | Member) -> Member:
    if isinstance(entry, Member):
        return entry
    handle.seek(entry.offset)
    pieces = [handle.read(length) for _, length in entry.runs]
    try:
        return Member(entry.path, assemble(entry.size, list(entry.runs), iter(pieces)))
    except EOFError:
        # The file was whole when it was indexed.
        return Member(entry.path, None, Status.ARCHIVE_DAMAGED, "the archive was cut while it was read")


def _entry(info: tarfile.TarInfo, length: int) -> Entry:
    path = printable(clean_path(info.name))
    runs = tuple(extents(info))
    if info.offset_data + sum(size for _, size in runs) > length:
        raise EOFError(f"it ends within {path!r}")
    return Entry(path, info.offset_data, info.size, runs)


class CompressedTarSource(StreamSource):
    """A tar that can only be inflated from its beginning."""

    def __init__(self, place: Place, reopen: Callable[[], Source], kind: str) -> None:
        """Remember where it is; `kind` is `tar.gz` or `tar.zst`."""
        super().__init__(place, reopen)
        self.kind = kind

    def stream(self) -> Iterator[Member]:
        """Read the archive once; a damaged one ends with the row that says so."""
        with closing(self.place.open()) as handle, closing(cast(Any, self._inflate(handle))) as inflated:
            try:
                for info, forward in walk(cast(Stream, inflated)):
                    yield refused(info) or _read(info, forward)
            except DAMAGE as error:
                yield archive_damaged(self.name, f"{type(error).__name__}: {error}")

    def _inflate(self, handle: Handle) -> Any:
        if self.kind == "tar.gz":
            return gzip.GzipFile(fileobj=cast(Any, handle), mode="rb")
        return zstandard.ZstdDecompressor().stream_reader(cast(Any, handle), read_across_frames=True, closefd=False)


def _read(info: tarfile.TarInfo, forward: Forward) -> Member:
    forward.seek(info.offset_data)
    runs = extents(info)
    return Member(printable(clean_path(info.name)), assemble(info.size, runs, (forward.take(n) for _, n in runs)))
