"""What comes out of a container: members, shards of them, and the one error a source raises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.params import FauxfaceError
from tasks.sources.status import Status

# No photograph comes near it; a member that does would only fill the memory of the workers.
MAX_MEMBER_BYTES = 512 * 1024 * 1024
PIECE = 1024 * 1024

_DRIVE = re.compile(r"[A-Za-z]:")
# Archives by their first bytes, which are never opened inside another one.
_ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"PAR1": "Parquet",
}
_TAR_MAGIC = b"ustar"
_TAR_MAGIC_AT = 257
# What Git has in place of a large file that was not fetched along.
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class SourceError(FauxfaceError):
    """A dump that cannot be opened or reached at all (one bad member is a status, never an exception)."""


class NoDumpError(SourceError):
    """A file that can be read, and is no container or an empty one."""


@dataclass(frozen=True, slots=True)
class Member:
    """One input of a dump: its path inside it, and its bytes or the reason why there are none.

    `annotations` are what the container itself says of it, as text: the other columns of a Parquet row, a sidecar file.
    """

    path: str
    data: bytes | None
    status: Status = Status.OK
    error: str = ""
    annotations: Mapping[str, str] | None = None


class Members(Protocol):
    """Members that can be read in order, or one by its position."""

    def __iter__(self) -> Iterator[Member]:
        """Read all of them."""

    def __getitem__(self, position: int, /) -> Member:
        """Read one of them."""


@dataclass(frozen=True, slots=True)
class Shard:
    """`len()` members from row `start` on; `members` may be read more than once, and from any thread."""

    index: int
    start: int
    stop: int
    members: Members

    def __len__(self) -> int:
        """Return the number of members."""
        return self.stop - self.start

    def __iter__(self) -> Iterator[Member]:
        """Yield the members, each read only when it is asked for."""
        return iter(self.members)

    def held_bytes(self) -> int:
        """Return the size of the bytes that the shard carries: those of a stream's, none where they are read later."""
        return sum(len(member.data or b"") for member in self.members) if isinstance(self.members, list) else 0

    def read(self) -> list[Member]:
        """Return the members with their bytes, in the order of the container."""
        return list(self.members)

    def pick(self, positions: Sequence[int]) -> list[Member]:
        """Return the members at these positions (from 0) with their bytes, and read no others."""
        return [self.members[position] for position in positions]


class Readable(Protocol):
    """The one method of a file that a bounded read needs."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


def held(path: str, data: bytes) -> Member:
    """Return a member with its bytes; one that is an archive itself is a row that says so."""
    if (kind := archive_kind(data)) is not None:
        reason = f"an archive ({kind}) inside the dump; unpack it, or give it as a dump of its own"
        return failed(path, Status.UNSUPPORTED_FORMAT, reason)
    if data.startswith(LFS_POINTER):
        return failed(path, Status.UNREADABLE, "Git LFS has not fetched this file: run `git lfs pull`")
    return Member(printable(path), data)


def archive_kind(data: bytes) -> str | None:
    """Return which kind of archive the bytes begin like, or None."""
    if data.startswith(_TAR_MAGIC, _TAR_MAGIC_AT):
        return "tar"
    return next((kind for magic, kind in _ARCHIVES.items() if data.startswith(magic)), None)


def failed(path: str, status: Status, error: str) -> Member:
    """Return a member without bytes, its path made valid Unicode."""
    return Member(printable(path), None, status, error)


def archive_damaged(name: str, error: str) -> Member:
    """Return the row that stands for the unreadable rest of an archive."""
    return failed(name, Status.ARCHIVE_DAMAGED, f"{error}; what comes after cannot be read: fetch the archive again")


def too_large(path: str, size: int) -> Member:
    """Return the row of a member that is left unread because of its size in bytes."""
    return failed(path, Status.TOO_LARGE, f"{size} bytes, more than the {MAX_MEMBER_BYTES} that a member may have")


def clean_path(name: str) -> str:
    """Drop the leading `./` that `tar -C folder .` writes: it names nothing, and labels are looked up without it."""
    while name.startswith("./") and len(name) > len("./"):
        name = name[len("./") :].lstrip("/")
    return name


def path_fault(path: str) -> str | None:
    """Return why `path` would leave the folder it is unpacked into, or None. Windows separators count too."""
    parts = re.split(r"[/\\]", path)
    if parts[0] == "":
        return "an absolute path" if path else "an empty path"
    if _DRIVE.match(path):
        return "a path on a drive"
    return "a path that climbs out with `..`" if ".." in parts else None


def printable(path: str) -> str:
    r"""Return `path` as valid Unicode: bytes that were not UTF-8 come out as `\udcXX`, for Parquet takes no others."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def read_bounded(stream: Readable, limit: int) -> bytes | None:
    """Return all that `stream` holds, or None as soon as it is more than `limit` bytes, whatever a header promised."""
    pieces: list[bytes] = []
    size = 0
    while piece := stream.read(PIECE):
        size += len(piece)
        if size > limit:
            return None
        pieces.append(piece)
    return b"".join(pieces)
