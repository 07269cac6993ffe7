"""Where a dump lies: a local path or any fsspec URL, and how its bytes are reached."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import weakref
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tasks.sources.member import PIECE, SourceError

# What a remote store says of a file that changes when its content does.
_VERSION_KEYS = ("etag", "last-modified", "lastmodified", "mtime", "created", "content-md5", "digest", "generation")


@dataclass(frozen=True)
class Place:
    """A file or folder on one file system; `path` is that file system's own, `url` what the user wrote.

    `sha256` is that of the content, where somebody has verified it already.
    """

    url: str
    fs: Any
    path: str
    sha256: str | None = None

    @property
    def local(self) -> bool:
        """Whether the file lies on this machine."""
        return isinstance(self.fs, LocalFileSystem)

    @property
    def downloaded(self) -> bool:
        """Whether this is the copy of a file from elsewhere, which another machine has to fetch for itself."""
        return self.local and "://" in self.url and not self.url.startswith(("file://", "local://"))

    @property
    def name(self) -> str:
        """The last part of the path, which names the archive in rows and messages."""
        return unquote(urlsplit(self.path).path if "://" in self.path else self.path).rstrip("/").rsplit("/", 1)[-1]

    @functools.cached_property
    def info(self) -> dict[str, Any]:
        """What the file system knows: at least `type`, and `size` in bytes where it knows it; raises SourceError."""
        try:
            return dict(self.fs.info(self.path))
        except FileNotFoundError:
            raise SourceError(f"{self.url}: there is no such file or folder; check the path") from None
        except Exception as error:
            raise SourceError(f"{self.url}: cannot be reached ({_reason(error)})") from error

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder; raises SourceError when there is nothing, or neither a file nor a folder."""
        kind = self.info["type"]
        # Opening a pipe would wait for a writer. (fsspec calls a local link to a folder "link", or "other".)
        if self.local and not (Path(self.path).is_file() or Path(self.path).is_dir()):
            raise SourceError(f"{self.url}: is neither a file nor a folder")
        return Path(self.path).is_dir() if self.local else bool(kind == "directory")

    def open(self) -> Handle:
        """Open the file for reading at random; every handle has its own position."""
        return Handle(self)

    @functools.cached_property
    def content_hash(self) -> str:
        """The SHA-256 (64 hexadecimal digits) of the file's bytes, which are read in pieces the first time."""
        if self.sha256:
            return self.sha256
        digest = hashlib.sha256()
        with closing(self.open()) as handle:
            while piece := handle.read(PIECE):
                digest.update(piece)
        return digest.hexdigest()

    @property
    def version_hash(self) -> str:
        """64 hexadecimal digits that change with the file as far as the store tells, without reading it."""
        facts = [str(self.fs.ukey(self.path)), str(self.info.get("size")), version_of(self.info)]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def version_of(info: dict[str, Any]) -> str:
    """Return what an fsspec store says of a file that changes when it is written again."""
    return ";".join(f"{key}={value}" for key, value in sorted(info.items()) if key.lower() in _VERSION_KEYS)


class Handle:
    """A container's file, open for reading; whatever its file system raises leaves here as one clear SourceError.

    So any other exception while a container is read means damaged content, not a network that failed.
    """

    def __init__(self, place: Place) -> None:
        """Open `place`; raises SourceError."""
        self._place = place
        self._file = self._guard(self._open)
        self.close = weakref.finalize(self, self._file.close)

    def _open(self) -> Any:
        # Locally the plain file spares fsspec's layer on every read.
        place = self._place
        return Path(place.path).open("rb") if place.local else place.fs.open(place.path, "rb")

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer only at the end of the file; all the rest when negative."""
        data = self._read_once(size)
        while 0 < len(data) < size and (more := self._read_once(size - len(data))):
            data += more
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a byte; OSError before the start, SourceError when a remote file has no random access."""
        if whence == os.SEEK_END:
            offset += self._guard(lambda: self._file.seek(0, os.SEEK_END))
        elif whence == os.SEEK_CUR:
            offset += self.tell()
        if offset < 0:
            raise OSError(errno.EINVAL, "seek before the start")
        return int(self._guard(lambda: self._file.seek(offset)))

    def tell(self) -> int:
        """Return the position in bytes."""
        return int(self._file.tell())

    def seekable(self) -> bool:
        """Return True: `seek` either works or explains itself."""
        return True

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return not self.close.alive

    def _read_once(self, size: int) -> bytes:
        return bytes(self._guard(lambda: self._file.read(size)))

    def _guard(self, action: Any) -> Any:
        try:
            return action()
        except Exception as error:
            remedy = "" if self._place.local else "; try again, or give its SHA-256 to have it downloaded first"
            raise SourceError(f"{self._place.url}: cannot be read ({_reason(error)}){remedy}") from error


def is_local(url: str) -> bool:
    """Return whether `url` is a path on this machine; `::` joins the parts of a URL, unless a file is called so."""
    return "://" not in url and ("::" not in url or os.path.lexists(Path(url).expanduser()))


def locate(url: str) -> Place:
    """Return the place that `url` (a local path, or any URL or chain that fsspec knows) names; raises SourceError."""
    try:
        if is_local(url):
            return Place(url, LocalFileSystem(), str(Path(url).expanduser().absolute()))
        fs, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError, OSError) as error:
        raise SourceError(f"{url}: no way to read this kind of address ({_reason(error)})") from error
    return Place(url, fs, path)


def _reason(error: Exception) -> str:
    text = str(error) or repr(error)
    return text if isinstance(error, OSError) and error.errno else f"{type(error).__name__}: {text}"
