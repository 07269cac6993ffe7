"""Tar archives: a plain one by an index of its headers, a compressed one as a stream."""

from __future__ import annotations

import gzip
import lzma
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, cast

import zstandard

from tasks.sources.inflate import MAX_WINDOW, Inflated, new_bz2, new_xz, zstd_stream
from tasks.sources.location import Handle, Place
from tasks.sources.member import Member, archive_damaged, failed, held, path_fault
from tasks.sources.source import ListedSource, Source, StreamSource
from tasks.sources.status import Status
from tasks.sources.system_files import is_system_file, system_file
from tasks.sources.tarindex import Entry, TarIndex
from tasks.sources.tarlinks import RecentMembers, linked_row
from tasks.sources.tarwalk import DAMAGE, Forward, Guarded, Stream, assemble, extents, refused, tar_path, walk

_STREAMS: dict[str, Callable[[Handle], Any]] = {
    "tar.gz": lambda handle: gzip.GzipFile(fileobj=cast(Any, handle), mode="rb"),
    "tar.zst": zstd_stream,
    "tar.bz2": lambda handle: Inflated(handle, new_bz2, many=True),
    "tar.xz": lambda handle: Inflated(handle, new_xz, many=True),
}
# What the decompressors say of a window past MAX_WINDOW.
_WINDOW_REFUSED = ("too much memory", "Memory usage limit")


class TarSource(ListedSource):
    """A plain tar; its headers are read once, its members from any thread."""

    kind = "tar"

    def __init__(self, place: Place, reopen: Callable[[], Source], encoding: str | None = None) -> None:
        """Index the archive; `encoding` is that of names that are no UTF-8. Raises SourceError without files."""
        super().__init__(place, reopen, cast("Sequence[Entry | Member]", _index(place, encoding)), _read_entries)


def _index(place: Place, encoding: str | None) -> TarIndex:
    entries = TarIndex()
    with closing(place.open()) as handle:
        length = handle.seek(0, os.SEEK_END)
        handle.seek(0)
        try:
            for info, _ in walk(handle):
                path = tar_path(info.name, encoding)
                if info.islnk() and not path_fault(path):
                    entries.append(linked_row(entries, path, tar_path(info.linkname, encoding)))
                else:
                    entries.append(refused(info, path) or _entry(info, path, length))
        except DAMAGE as error:
            entries.append(archive_damaged(place.name, f"{type(error).__name__}: {error}"))
    return entries


def _read_entries(place: Place, entries: Sequence[Entry | Member]) -> Iterator[Member]:
    """Read entries of the tar at `place` without its index, through a handle of their own."""
    with closing(place.open()) as handle:
        yield from (_read_entry(handle, entry) for entry in entries)


def _read_entry(handle: Handle, entry: Entry | Member) -> Member:
    if isinstance(entry, Member):
        return entry
    if is_system_file(entry.path):
        return system_file(entry.path)
    handle.seek(entry.offset)
    pieces = [handle.read(length) for _, length in entry.runs]
    try:
        return held(entry.path, assemble(entry.size, list(entry.runs), iter(pieces)))
    except EOFError:
        # The file was whole when it was indexed.
        return Member(entry.path, None, Status.ARCHIVE_DAMAGED, "the archive was cut while it was read")


def _entry(info: tarfile.TarInfo, path: str, length: int) -> Entry:
    runs = tuple(extents(info))
    if info.offset_data + sum(size for _, size in runs) > length:
        raise EOFError(f"it ends within {path!r}")
    return Entry(path, info.offset_data, info.size, runs)


class CompressedTarSource(StreamSource):
    """A tar that can only be inflated from its beginning."""

    def __init__(self, place: Place, reopen: Callable[[], Source], kind: str, encoding: str | None = None) -> None:
        """Remember where it is; `kind` is a key of _STREAMS, `encoding` that of names that are no UTF-8."""
        super().__init__(place, reopen)
        self.kind = kind
        self._encoding = encoding

    def stream(self) -> Iterator[Member]:
        """Read the archive once; a damaged one ends with the row that says so."""
        with closing(self.place.open()) as handle:
            inflated = _STREAMS[self.kind](handle)
            recent = RecentMembers()
            try:
                for info, forward in walk(Guarded(cast(Stream, inflated), handle)):
                    yield self._member(info, forward, recent)
            except DAMAGE as error:
                yield self._rest(error)

    def _member(self, info: tarfile.TarInfo, forward: Forward, recent: RecentMembers) -> Member:
        path = tar_path(info.name, self._encoding)
        if info.islnk() and not path_fault(path):
            member = recent.linked(path, tar_path(info.linkname, self._encoding))
        else:
            member = refused(info, path) or _read(info, path, forward)
        recent.add(member)
        return system_file(path) if member.data is not None and is_system_file(path) else member

    def _rest(self, error: Exception) -> Member:
        if isinstance(error, lzma.LZMAError | zstandard.ZstdError) and any(
            say in str(error) for say in _WINDOW_REFUSED
        ):
            reason = (
                f"window too large: decompressing takes more than {MAX_WINDOW >> 20} MiB; compress it again with a "
                "smaller one (`zstd --long=30` at most)"
            )
            return failed(self.name, Status.TOO_LARGE, reason)
        return archive_damaged(self.name, f"{type(error).__name__}: {error}")


def _read(info: tarfile.TarInfo, path: str, forward: Forward) -> Member:
    forward.seek(info.offset_data)
    runs = extents(info)
    return held(path, assemble(info.size, runs, (forward.take(n) for _, n in runs)))
