"""A folder of archives as one dump: shards of webdataset and img2dataset, deliveries in many parts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tasks.sources.annotations import FILE_KEY
from tasks.sources.folder import Entry, listing_hash, read_files
from tasks.sources.location import Place
from tasks.sources.member import Member, NoDumpError, failed, printable
from tasks.sources.source import IndexedSource, Part, RowReader, Source, StreamSource
from tasks.sources.status import Status


@dataclass(frozen=True)
class Piece:
    """A file of the folder: an archive, or why it is none that can be read (`error`), or a note beside archives."""

    entry: Entry
    source: Source | None = None
    error: str = ""

    def row(self) -> Member:
        """Return the row of a file that is not opened."""
        if self.entry.fault:
            return failed(self.entry.path, Status.NOT_A_FILE, self.entry.fault)
        if self.error:
            return failed(self.entry.path, Status.ARCHIVE_DAMAGED, self.error)
        return failed(self.entry.path, Status.METADATA, "")


def archives_source(
    place: Place, reopen: Callable[[], Source], entries: Sequence[Entry], pieces: Iterable[Piece]
) -> Source:
    """Return the dump that the folder's `pieces` are; a stream where one of them is.

    A member's path begins with its archive's, which is also its annotation `__file__`. Notes are rows of their own.
    """
    opened = list(pieces)
    random = all(piece.source is None or isinstance(piece.source, IndexedSource) for piece in opened)
    return (IndexedArchives if random else StreamedArchives)(place, reopen, entries, opened)


@dataclass(frozen=True)
class Span:
    """Some rows of the dump: those of `reader` from `first` on, which are in the archive `archive` (None: a note)."""

    start: int
    stop: int
    reader: RowReader
    first: int
    archive: str | None


@dataclass(frozen=True)
class Joined:
    """The rows of several readers, one behind the other."""

    spans: Sequence[Span]

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the rows from `start` up to, but not with, `stop`."""
        for span in self._within(start, stop):
            members = span.reader.rows(span.first, span.first + span.stop - span.start)
            yield from members if span.archive is None else _renamed(members, span.archive)

    def part(self, start: int, stop: int) -> RowReader:
        """Return what another process needs to read these rows."""
        found = self._within(start, stop)
        return Joined(
            [replace(span, reader=span.reader.part(span.first, span.first + span.stop - span.start)) for span in found]
        )

    def _within(self, start: int, stop: int) -> list[Span]:
        """Return the spans that have a share of these rows, cut to it."""
        at = max(0, bisect_right(self.spans, start, key=lambda span: span.start) - 1)
        found = []
        for span in islice(self.spans, at, None):
            if span.start >= stop:
                break
            first, last = max(start, span.start), min(stop, span.stop)
            if first < last:
                found.append(replace(span, start=first, stop=last, first=span.first + first - span.start))
        return found


class _Archives(Source):
    kind = "archives"

    def __init__(
        self, place: Place, reopen: Callable[[], Source], entries: Sequence[Entry], pieces: Sequence[Piece]
    ) -> None:
        super().__init__(place, reopen)
        self._entries = entries
        self._pieces = pieces

    def fingerprint(self) -> str:
        """Return the SHA-256 of the paths, sizes and times of the files."""
        return listing_hash(self._entries)

    def read(self, path: str) -> bytes:
        """Return the bytes of a note beside the archives, or of the first member with this path."""
        note = next((piece.entry for piece in self._pieces if piece.source is None and piece.entry.path == path), None)
        return super().read(path) if note is None else self._bytes_of(next(read_files(self.place, [note])))


class StreamedArchives(_Archives, StreamSource):
    """Archives of which some can only be read from front to back."""

    def stream(self) -> Iterator[Member]:
        """Read one archive after the other."""
        for piece in self._pieces:
            try:
                yield from [piece.row()] if piece.source is None else _renamed(piece.source.members(), piece.entry.path)
            except NoDumpError as error:
                yield replace(piece, error=str(error)).row()


class IndexedArchives(_Archives, IndexedSource):
    """Archives with random access."""

    def __init__(
        self, place: Place, reopen: Callable[[], Source], entries: Sequence[Entry], pieces: Sequence[Piece]
    ) -> None:
        """Number the rows through."""
        super().__init__(place, reopen, entries, pieces)
        spans: list[Span] = []
        for piece in pieces:
            start = spans[-1].stop if spans else 0
            spans.append(_span(piece, start))
        self._joined = Joined(spans)

    def count(self) -> int:
        """Return the number of rows."""
        return self._joined.spans[-1].stop

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the members in these rows."""
        return self._joined.rows(start, stop)

    def part(self, start: int, stop: int) -> RowReader:
        """Return these rows as they travel: with what the indices of their archives say of them."""
        return self._joined.part(start, stop)

    def find(self, path: str) -> int | None:
        """Return the row of the first member with this path."""
        for span, piece in zip(self._joined.spans, self._pieces, strict=True):
            folder = f"{piece.entry.path}/"
            if isinstance(piece.source, IndexedSource) and path.startswith(folder):
                row = piece.source.find(path.removeprefix(folder))
                return None if row is None else span.start + row
        return None


def _span(piece: Piece, start: int) -> Span:
    if isinstance(piece.source, IndexedSource):
        return Span(start, start + piece.source.count(), piece.source, 0, piece.entry.path)
    return Span(start, start + 1, Part(0, [piece.row()], iter), 0, None)


def _renamed(members: Iterable[Member], archive: str) -> Iterator[Member]:
    """Put the archive's path in front of its members'; the row of its own damage keeps that alone."""
    archive = printable(archive)
    for member in members:
        if member.status is Status.ARCHIVE_DAMAGED and member.path == archive.rpartition("/")[2]:
            yield replace(member, path=archive)
        elif member.data is None:
            yield replace(member, path=f"{archive}/{member.path}")
        else:
            said = {**(member.annotations or {}), FILE_KEY: archive}
            yield replace(member, path=f"{archive}/{member.path}", annotations=said)
