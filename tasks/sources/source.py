"""What every container has in common: members in a stable order, shards of them, and a fingerprint."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from tasks.sources.location import Place
from tasks.sources.member import Member, NoDumpError, Shard, SourceError
from tasks.sources.sidecars import annotated, annotated_rows, whole_samples

# A shard of a stream carries its bytes, so it is closed early when its members are large photographs.
SHARD_BYTES = 256 * 1024 * 1024


class Source(ABC):
    """A dump of images in one container. Readable from several threads at once; picklable (it is opened again)."""

    kind: str

    def __init__(self, place: Place, reopen: Callable[[], Source]) -> None:
        """Hold `place`; `reopen` opens the same source in another process."""
        self.place = place
        self.url = place.url
        self.name = place.name
        self._reopen = reopen

    def __enter__(self) -> Self:
        """Return the source; leaving the block closes it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the source."""
        self.close()

    def __reduce__(self) -> tuple[Callable[..., Source], tuple[Callable[[], Source]]]:
        """Pickle as the way to open it, not as the index."""
        return _open_again, (self._reopen,)

    def fingerprint(self) -> str:
        """Return 64 hexadecimal digits that change when the dump does.

        For a local file the SHA-256 of its content; for a folder that of its members' paths, sizes and times; for a
        remote file that of what its store says (key, size, ETag, time).
        """
        return self.place.content_hash if self.place.local else self.place.version_hash

    @abstractmethod
    def count(self) -> int | None:
        """Return the number of members, the row of a damaged archive's rest among them; None for a stream."""

    @abstractmethod
    def members(self) -> Iterator[Member]:
        """Yield every member with its bytes, in an order that is the same at every call; raises SourceError if none."""

    @abstractmethod
    def shards(self, size: int) -> Iterator[Shard]:
        """Yield shards of at most `size` members, which together are `members()`."""

    def paths(self) -> Sequence[str] | None:
        """Return the paths of all members where an index tells them without reading any; else None."""
        return None

    def read(self, path: str) -> bytes:
        """Return the bytes of the first member with this path; raises SourceError when it is missing or unreadable."""
        for member in self.members():
            if member.path == path:
                return self._bytes_of(member)
        raise SourceError(f"{self.url}: has no member {path!r}")

    def close(self) -> None:  # noqa: B027 - a folder and a stream hold nothing open between reads
        """Close the container's file; a second time does nothing."""

    def _bytes_of(self, member: Member) -> bytes:
        if member.data is None:
            raise SourceError(f"{self.url}: member {member.path!r} cannot be read: {member.status} ({member.error})")
        return member.data

    def _empty(self) -> NoDumpError:
        return NoDumpError(f"{self.url}: holds no files; an empty {self.kind} cannot be what you meant")


class RowReader(Protocol):
    """What gives the members in some rows."""

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the rows from `start` up to, but not with, `stop`."""

    def part(self, start: int, stop: int) -> RowReader:
        """Return what another process needs to read these rows."""


@dataclass(frozen=True)
class Part:
    """Some rows of a source, from `first` on, as they travel: with what its index says of them, and of few others.

    Each entry has a `path`.
    """

    first: int
    entries: Sequence[Any]
    read: Callable[[Sequence[Any]], Iterator[Member]]

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the rows from `start` up to, but not with, `stop`."""
        return annotated_rows(self.entries, start - self.first, stop - self.first, self.read)

    def part(self, start: int, stop: int) -> RowReader:
        """Return these rows with their sidecars."""
        first, last = whole_samples(self.entries, start - self.first, stop - self.first)
        return Part(first + self.first, [self.entries[row] for row in range(first, last)], self.read)


class IndexedSource(Source):
    """A container with random access: its rows are known at once, their bytes are read when asked for."""

    @abstractmethod
    def count(self) -> int:
        """Return the number of rows."""

    @abstractmethod
    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the rows from `start` up to, but not with, `stop`."""

    @abstractmethod
    def find(self, path: str) -> int | None:
        """Return the row of the first member with this path."""

    def part(self, start: int, stop: int) -> RowReader:
        """Return what another process needs to read these rows: this source, which is opened again there."""
        del start, stop
        return self

    def members(self) -> Iterator[Member]:
        """Yield every member with its bytes, in a stable order."""
        return self.rows(0, self.count())

    def shards(self, size: int) -> Iterator[Shard]:
        """Yield shards of `size` members (fewer in the last), which are read when they are iterated."""
        count = self.count()
        for index, start in enumerate(range(0, count, size)):
            stop = min(start + size, count)
            yield Shard(index, start, stop, Rows(self, start, stop))

    def read(self, path: str) -> bytes:
        """Return the bytes of the first member with this path; raises SourceError when it is missing or unreadable."""
        row = self.find(path)
        if row is None:
            raise SourceError(f"{self.url}: has no member {path!r}")
        return self._bytes_of(next(self.rows(row, row + 1)))


class ListedSource(IndexedSource):
    """A container whose index is a list of entries, each with a `path`, of which some can travel alone."""

    def __init__(
        self,
        place: Place,
        reopen: Callable[[], Source],
        entries: Sequence[Any],
        read: Callable[[Place, Sequence[Any]], Iterator[Member]],
    ) -> None:
        """Hold the index; `read` opens the place anew at every call. Raises SourceError when there are no entries."""
        super().__init__(place, reopen)
        self._all = Part(0, entries, functools.partial(read, place))
        if not len(entries):
            raise self._empty()

    def count(self) -> int:
        """Return the number of entries, and one more for the unreadable rest of a damaged archive."""
        return len(self._all.entries)

    def paths(self) -> Sequence[str]:
        """Return the paths of all members, in their order."""
        return [str(entry.path) for entry in self._all.entries]

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the members in these rows."""
        return self._all.rows(start, stop)

    def part(self, start: int, stop: int) -> RowReader:
        """Return these rows as they travel, so that nobody indexes the container again; a download is opened there."""
        return self if self.place.downloaded else self._all.part(start, stop)

    def find(self, path: str) -> int | None:
        """Return the row of the first member with this path."""
        return next((row for row in range(self.count()) if self._all.entries[row].path == path), None)


class Rows:
    """Rows of an indexed source, read anew at every iteration."""

    def __init__(self, source: RowReader, start: int, stop: int) -> None:
        """Remember which rows."""
        self.source, self.start, self.stop = source, start, stop

    def __reduce__(self) -> tuple[type[Rows], tuple[RowReader, int, int]]:
        """Pickle with no more of the source than these rows need."""
        return Rows, (self.source.part(self.start, self.stop), self.start, self.stop)

    def __iter__(self) -> Iterator[Member]:
        """Read the rows."""
        return self.source.rows(self.start, self.stop)

    def __getitem__(self, position: int) -> Member:
        """Read one row."""
        return next(self.source.rows(self.start + position, self.start + position + 1))


class StreamSource(Source):
    """A container that can only be read from front to back."""

    @abstractmethod
    def stream(self) -> Iterator[Member]:
        """Read the container once, from its beginning."""

    def count(self) -> None:
        """Return None: nobody knows before the end of the stream."""
        return None  # noqa: RET501

    def members(self) -> Iterator[Member]:
        """Yield every member with its bytes, in the order of the stream; raises SourceError if there is none."""
        any_member = False
        for member in annotated(self.stream()):
            any_member = True
            yield member
        if not any_member:
            raise self._empty()

    def shards(self, size: int) -> Iterator[Shard]:
        """Yield shards that carry their bytes: `size` members, or fewer where those pass SHARD_BYTES."""
        index, start, held, weight = 0, 0, list[Member](), 0
        for member in self.members():
            held.append(member)
            weight += len(member.data or b"")
            if len(held) == size or weight >= SHARD_BYTES:
                yield Shard(index, start, start + len(held), held)
                index, start, held, weight = index + 1, start + len(held), [], 0
        if held:
            yield Shard(index, start, start + len(held), held)


@functools.lru_cache(maxsize=4)
def _open_again(reopen: Callable[[], Source]) -> Source:
    # A worker process gets many shards of one source: it indexes it once.
    return reopen()
