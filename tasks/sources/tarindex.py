"""Where the members of a tar are, kept small: an archive may have millions."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from tasks.sources.member import Member

_ENCODING = ("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a member's bytes are: `size` of them from `offset`, with holes when `runs` says so."""

    path: str
    offset: int
    size: int
    runs: tuple[tuple[int, int], ...] = ()


class TarIndex:
    """A list of entries, and of members that are refused, in 24 bytes and the path for each instead of 400."""

    def __init__(self) -> None:
        """Make an empty index."""
        self._paths = bytearray()
        self._path_ends = array("Q")
        self._offsets = array("Q")
        self._sizes = array("Q")
        self._runs: dict[int, tuple[tuple[int, int], ...]] = {}
        self._refused: dict[int, Member] = {}
        self._last: dict[str, int] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._offsets)

    def __getitem__(self, row: int) -> Entry | Member:
        """Return what stands in a row from 0 on."""
        if row in self._refused:
            return self._refused[row]
        size = self._sizes[row]
        return Entry(self.path(row), self._offsets[row], size, self._runs.get(row, _whole(size)))

    def append(self, entry: Entry | Member) -> None:
        """Add a row at the end."""
        row = len(self)
        if self._last is not None:
            self._last[entry.path] = row
        self._paths += entry.path.encode(*_ENCODING)
        self._path_ends.append(len(self._paths))
        self._offsets.append(entry.offset if isinstance(entry, Entry) else 0)
        self._sizes.append(entry.size if isinstance(entry, Entry) else 0)
        if isinstance(entry, Member):
            self._refused[row] = entry
        elif entry.runs != _whole(entry.size):
            self._runs[row] = entry.runs

    def last(self, path: str) -> int | None:
        """Return the last row with this path. Paths are only looked up by hard links, which few archives have."""
        if self._last is None:
            self._last = {self.path(row): row for row in range(len(self))}
        return self._last.get(path)

    def path(self, row: int) -> str:
        """Return the path in a row."""
        return self._paths[self._path_ends[row - 1] if row else 0 : self._path_ends[row]].decode(*_ENCODING)


def _whole(size: int) -> tuple[tuple[int, int], ...]:
    """Return the runs of a member without holes."""
    return ((0, size),) if size else ()
