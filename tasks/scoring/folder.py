"""A folder on this machine or at any URL that fsspec knows, and the few things that are done with its files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem

from tasks.params import FauxfaceError
from tasks.params.files import atomic_write
from tasks.sources.location import is_local

# By name, since the packages that raise them (botocore, aiohttp) need not be installed.
_UNREACHABLE = {"ClientConnectionError", "ClientPayloadError", "EndpointConnectionError", "HTTPClientError"}


def joined(root: str, *names: str) -> str:
    """Return the path or URL of something below `root`."""
    return "/".join([root.rstrip("/"), *names])


class Folder:
    """Files by name; `local` says whether `path` is one of this machine (then absolute) or the file system's own.

    Every method raises FauxfaceError when the store refuses, and ConnectionError when it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        """Remember where; nothing is made or read yet. Raises FauxfaceError for an address of no known kind."""
        self.url = url
        if urlsplit(url).password is not None:
            raise FauxfaceError(
                f"{urlsplit(url).scheme}://...: the address holds a password. Leave it out: credentials come from the "
                "environment."
            )
        if is_local(url):
            self._fs: Any = LocalFileSystem()
            self.path = str(Path(url).expanduser().absolute())
        else:
            with explained(url):
                self._fs, self.path = fsspec.core.url_to_fs(url)
        self.local = isinstance(self._fs, LocalFileSystem)

    def below(self, name: str) -> Folder:
        """Return a folder in this one."""
        return Folder(joined(self.url, name))

    def names(self, prefix: str) -> list[str]:
        """Return the names in the folder that start with `prefix`, sorted."""
        with explained(self.url):
            try:
                self._fs.invalidate_cache()  # a store's listing is as old as its first use otherwise
                found = self._fs.ls(self.path, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        names = (path.rstrip("/").rsplit("/", 1)[-1] for path in found)
        return sorted(name for name in names if name.startswith(prefix))

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        with explained(f"{self.url}/{name}"):
            if self.local:
                with atomic_write(Path(self.path, name)) as temp:
                    temp.write_bytes(data)
            else:
                self._fs.pipe_file(f"{self.path}/{name}", data)  # one PUT: an object store shows all of it or nothing

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or None when there is none."""
        with explained(f"{self.url}/{name}"):
            try:
                return bytes(self._fs.cat_file(f"{self.path}/{name}"))
            except FileNotFoundError:
                return None

    def readable(self, name: str) -> str | pa.BufferReader | None:
        """Return what pyarrow opens for a file: a local path, of which it reads what it needs, or a remote's bytes."""
        if self.local:
            path = Path(self.path, name)
            return str(path) if path.is_file() else None
        data = self.read(name)
        return None if data is None else pa.BufferReader(data)

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        with explained(f"{self.url}/{name}"):
            try:
                self._fs.rm_file(f"{self.path}/{name}")
            except FileNotFoundError:
                return


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Say in words what keeps a store from being used; what is worth another try leaves as ConnectionError."""
    try:
        yield
    except (FauxfaceError, ConnectionError, TimeoutError):
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        if any(kind.__name__ in _UNREACHABLE for kind in type(error).__mro__):
            raise ConnectionError(f"{url}: the store cannot be reached ({reason})") from error
        raise FauxfaceError(
            f"{url}: cannot be used ({reason}). Check the address, the permissions and the credentials in the "
            "environment."
        ) from error
