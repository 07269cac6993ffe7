"""Hard links within a tar: a second name for bytes that stand before it in the archive."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from tasks.sources.member import Member, failed
from tasks.sources.status import Status
from tasks.sources.tarindex import Entry, TarIndex

# Of a compressed tar, whose bytes cannot be gone back to, as much is kept for links as a shard of small photographs.
LINK_BYTES = 64 * 1024 * 1024


def linked_row(entries: TarIndex, path: str, target: str) -> Entry | Member:
    """Return the entry of a hard link at `path`: that of the last member `target` before it, or why there is none."""
    row = entries.last(target)
    if row is None:
        return _dangling(path, target, "which does not come before it in the archive")
    found = entries[row]
    if isinstance(found, Member):
        return _like(path, target, found)
    return Entry(path, found.offset, found.size, found.runs)


class RecentMembers:
    """The last members of a stream, LINK_BYTES of them, by their paths."""

    def __init__(self) -> None:
        """Remember none."""
        self._members: OrderedDict[str, Member] = OrderedDict()
        self._size = 0

    def add(self, member: Member) -> None:
        """Remember a member, and forget the oldest beyond the bound."""
        self._forget(member.path)
        self._members[member.path] = member
        self._size += _weight(member)
        while self._size > LINK_BYTES:
            self._forget(next(iter(self._members)))

    def linked(self, path: str, target: str) -> Member:
        """Return the member that a hard link at `path` to `target` is, or the row that says why it cannot be read."""
        found = self._members.get(target)
        if found is None:
            bound = f"which is not within the {LINK_BYTES >> 20} MiB before it: unpack the archive and give the folder"
            return _dangling(path, target, bound)
        return replace(found, path=path) if found.data is not None else _like(path, target, found)

    def _forget(self, path: str) -> None:
        if (member := self._members.pop(path, None)) is not None:
            self._size -= _weight(member)


def _weight(member: Member) -> int:
    """Return about what a member takes in memory: bytes, path and objects."""
    return len(member.data or b"") + 500


def _dangling(path: str, target: str, reason: str) -> Member:
    return failed(path, Status.NOT_A_FILE, f"a hard link to {target!r}, {reason}")


def _like(path: str, target: str, found: Member) -> Member:
    """Return the row of a link to a member that could not be read."""
    return failed(path, found.status, f"a hard link to {target!r}: {found.error}")
