"""What every container has in common: members in a stable order, shards of them, and a fingerprint."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from tasks.sources.member import Member, Shard, SourceError
from tasks.sources.place import Place

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

    def _empty(self) -> SourceError:
        return SourceError(f"{self.url}: holds no files; an empty {self.kind} cannot be what you meant")


class RowReader(Protocol):
    """What gives the members in some rows."""

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the rows from `start` up to, but not with, `stop`."""

    def part(self, start: int, stop: int) -> RowReader:
        """Return what another process needs to read these rows."""


@dataclass(frozen=True)
class Part:
    """Some rows of a source, from `first` on, as they travel: with what its index says of them, and of no others."""

    first: int
    entries: Sequence[Any]
    read: Callable[[Sequence[Any]], Iterator[Member]]

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read the rows from `start` up to, but not with, `stop`."""
        return self.read(self.entries[start - self.first : stop - self.first])

    def part(self, start: int, stop: int) -> RowReader:
        """Return these rows alone."""
        return Part(start, self.entries[start - self.first : stop - self.first], self.read)


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
        """Return what another process needs to read these rows: this source, which is opened and indexed again there.

        A container whose entries can travel alone returns a Part.
        """
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
        for member in self.stream():
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
