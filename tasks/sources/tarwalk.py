"""Walk the headers of a tar, whole or damaged, without trusting any of them.

tarfile reads the headers (GNU long names, PAX, sparse files). It also ends silently at a bad header, jumps backwards
when one says so (CVE-2025-8194) and allocates what one asks for: `Forward` and `walk` close these three.
"""

from __future__ import annotations

import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, Protocol, cast

import zstandard

from tasks.sources.inflate import MAX_RATIO
from tasks.sources.member import MAX_MEMBER_BYTES, PIECE, Member, clean_path, failed, path_fault, printable, too_large
from tasks.sources.status import Status

# Long names, PAX records and sparse maps of one member; real ones take a few hundred bytes.
HEADER_BYTES = 64 * 1024 * 1024
# So much may grow by more than MAX_RATIO: a blank picture is no bomb.
FREE_BYTES = MAX_MEMBER_BYTES
# Everything that tarfile and the decompressors raise on damaged content (SourceError means the file itself).
DAMAGE = (
    tarfile.TarError,
    zstandard.ZstdError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
)


class Stream(Protocol):
    """A file, or a decompressor over one, that can at least skip forward."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""

    def seek(self, offset: int, /) -> int:
        """Move to a byte further on."""


class Position(Protocol):
    """A file that tells how far it was read."""

    def tell(self) -> int:
        """Return the position in bytes."""


class Guarded:
    """A decompressor over a file, stopped where it makes far more of it than pictures can be packed into."""

    def __init__(self, inflated: Stream, packed: Position) -> None:
        """Compare what `inflated` gives with how far `packed` was read."""
        self._inflated, self._packed = inflated, packed
        self._made = 0

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; raises tarfile.ReadError for a bomb."""
        data = self._inflated.read(size)
        self._made += len(data)
        self._check()
        return data

    def seek(self, offset: int, /) -> int:
        """Skip forward in pieces; raises tarfile.ReadError for a bomb."""
        while self._made < offset and self.read(min(PIECE, offset - self._made)):
            pass
        return self._made

    def _check(self) -> None:
        if self._made > FREE_BYTES + MAX_RATIO * self._packed.tell():
            raise tarfile.ReadError(f"it expands more than {MAX_RATIO}-fold, a decompression bomb")


class Forward:
    """A stream as tarfile sees it: it only moves forward, and a member's headers may only be so long."""

    def __init__(self, stream: Stream) -> None:
        """Start at the stream's present position, which counts as 0."""
        self._stream = stream
        self._at = 0
        self._left = HEADER_BYTES
        self.last = b""

    def next_header(self) -> None:
        """Allow HEADER_BYTES anew."""
        self._left = HEADER_BYTES

    def read(self, size: int) -> bytes:
        """Return `size` bytes of headers, fewer only at the end; raises tarfile.ReadError past the bound."""
        if not 0 <= size <= self._left:
            raise tarfile.ReadError(f"headers of {size} bytes at byte {self._at}")
        self._left -= size
        self.last = self.take(size)
        return self.last

    def take(self, size: int) -> bytes:
        """Return `size` bytes of a member's data, fewer only at the end."""
        pieces = []
        while size and (piece := self._stream.read(min(size, PIECE))):
            pieces.append(piece)
            size -= len(piece)
            self._at += len(piece)
        return b"".join(pieces)

    def seek(self, offset: int) -> int:
        """Move forward; raises tarfile.ReadError on the way back."""
        if offset < self._at:
            raise tarfile.ReadError(f"a header at byte {self._at} points back to byte {offset}")
        if offset > self._at:
            self._stream.seek(offset)
            self._at = offset
        return offset

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._at


def walk(stream: Stream) -> Iterator[tuple[tarfile.TarInfo, Forward]]:
    """Yield each entry but folders, with the stream standing at its data; raises one of DAMAGE where the tar is cut."""
    forward = Forward(stream)
    with tarfile.open(fileobj=cast(Any, forward), mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
        while (info := archive.next()) is not None:
            # tarfile remembers every member for look-ups by name: a large archive would fill the memory.
            cast(Any, archive).members.clear()
            if not info.isdir():
                yield info, forward
            forward.next_header()
    _check_end(forward)


def _check_end(forward: Forward) -> None:
    """Raise tarfile.ReadError unless the tar ended with its mark, and nothing but padding behind it."""
    if len(forward.last) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"no end mark at byte {forward.tell()}, it is cut short")
    if any(forward.last):
        raise tarfile.ReadError(f"no valid header before byte {forward.tell()}")
    while rest := forward.take(PIECE):
        if rest.count(0) != len(rest):
            raise tarfile.ReadError(f"data behind the end mark before byte {forward.tell()} (two tars in one file?)")


def tar_path(name: str, encoding: str | None) -> str:
    """Return the path that tarfile's `name` means: UTF-8, or else in `encoding` where that is given; always Unicode."""
    raw = name.encode("utf-8", "surrogateescape")
    try:
        path = raw.decode("utf-8")
    except UnicodeDecodeError:
        path = raw.decode(encoding, "surrogateescape") if encoding else name
    return printable(clean_path(path))


def refused(info: tarfile.TarInfo, path: str) -> Member | None:
    """Return the row of an entry that is never read (a path that climbs out, a link, a device, a giant), or None.

    A hard link has no data of its own: it is no regular file here.
    """
    if fault := path_fault(path):
        return failed(path, Status.UNSAFE_PATH, f"{fault}; never opened")
    if not info.isreg():
        return failed(path, Status.NOT_A_FILE, _kind(info))
    if info.size > MAX_MEMBER_BYTES:
        return too_large(path, info.size)
    return None


def _kind(info: tarfile.TarInfo) -> str:
    if info.issym():
        return f"a symbolic link to {printable(info.linkname)!r}"
    return "a device or pipe" if info.isdev() else f"a tar entry of type {info.type!r}"


def extents(info: tarfile.TarInfo) -> list[tuple[int, int]]:
    """Return (offset in the member, length) of the runs that are stored, one after another; raises ValueError."""
    runs = cast("list[tuple[int, int]] | None", info.sparse) or [(0, info.size)]
    runs = [(offset, length) for offset, length in runs if length]
    inside = all(offset >= 0 and 0 < length <= info.size - offset for offset, length in runs)
    if not inside or sum(length for _, length in runs) > info.size:
        raise ValueError("a sparse map that does not fit its file")
    return runs


def assemble(size: int, runs: list[tuple[int, int]], pieces: Iterator[bytes]) -> bytes:
    """Return the member of `size` bytes from its stored runs; raises EOFError where one is cut."""
    stored = list(pieces)
    if any(len(piece) != length for piece, (_, length) in zip(stored, runs, strict=True)):
        raise EOFError("the archive ends within this member")
    if len(stored) == 1 and len(stored[0]) == size:
        return stored[0]
    data = bytearray(size)
    for piece, (offset, length) in zip(stored, runs, strict=True):
        data[offset : offset + length] = piece
    return bytes(data)
