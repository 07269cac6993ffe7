"""A folder of files, local or on any fsspec file system."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.sources.location import Place, version_of
from tasks.sources.member import MAX_MEMBER_BYTES, Member, SourceError, failed, held, printable, read_bounded, too_large
from tasks.sources.source import ListedSource, Source
from tasks.sources.status import Status
from tasks.sources.system_files import is_system_file, system_file


@dataclass(frozen=True, slots=True)
class Entry:
    """A file found in the folder; `version` changes when it is written again, `fault` says why it is never opened."""

    path: str
    size: int
    version: str
    fault: str = ""


class FolderSource(ListedSource):
    """Every file below a folder, sorted by path. Links and devices are rows, but are not opened."""

    kind = "folder"

    def __init__(self, place: Place, reopen: Callable[[], Source], entries: list[Entry]) -> None:
        """Hold the listing; raises SourceError when it holds no files."""
        super().__init__(place, reopen, entries, read_files)
        self._entries = entries

    def fingerprint(self) -> str:
        """Return the SHA-256 of the paths, sizes and times of the files."""
        return listing_hash(self._entries)


def read_files(place: Place, entries: Sequence[Entry]) -> Iterator[Member]:
    """Read these files of the folder `place`."""
    return (_member(place, entry) for entry in entries)


def _member(place: Place, entry: Entry) -> Member:
    if entry.fault:
        return failed(entry.path, Status.NOT_A_FILE, entry.fault)
    if is_system_file(entry.path):
        return system_file(entry.path)
    if entry.size > MAX_MEMBER_BYTES:
        return too_large(entry.path, entry.size)
    try:
        data = _read_file(place, entry.path)
    # One file's fault (removed, forbidden, a store that hiccups) must not take its shard along.
    except Exception as error:  # noqa: BLE001
        return failed(entry.path, Status.UNREADABLE, f"{type(error).__name__}: {error}")
    return too_large(entry.path, MAX_MEMBER_BYTES + 1) if data is None else held(entry.path, data)


def _read_file(place: Place, path: str) -> bytes | None:
    full = f"{place.path.rstrip('/')}/{path}"
    if not place.local:
        return bytes(place.fs.cat_file(full))
    # Between listing and reading, a file may have become a pipe or a link: neither is waited for nor followed.
    handle = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("is no regular file any more")
        return read_bounded(stream, MAX_MEMBER_BYTES)


def list_folder(place: Place) -> list[Entry]:
    """Return the files below a folder, sorted by path; raises SourceError where a folder cannot be listed."""
    entries = _local_entries(place.path) if place.local else _remote_entries(place)
    return sorted(entries, key=lambda entry: entry.path)


def listing_hash(entries: Sequence[Entry]) -> str:
    """Return the SHA-256 of the paths, sizes and times of `entries`."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(f"{entry.path}\t{entry.size}\t{entry.version}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _local_entries(root: str) -> Iterator[Entry]:
    folders = [Path(root)]
    while folders:
        folder = folders.pop()
        try:
            items = list(os.scandir(folder))
        except OSError as error:
            raise SourceError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from error
        for item in items:
            if item.is_dir(follow_symlinks=False):
                folders.append(Path(item.path))
            else:
                yield _local_entry(item, root)


def _local_entry(item: os.DirEntry[str], root: str) -> Entry:
    path = os.path.relpath(item.path, root)
    facts = item.stat(follow_symlinks=False)
    return Entry(path, facts.st_size, str(facts.st_mtime_ns), _fault(item.path, facts.st_mode))


def _fault(path: str, mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    if stat.S_ISLNK(mode):
        target = printable(str(Path(path).readlink()))
        return f"a symbolic link to {target!r}; links are not followed: put the file itself here"
    return "a device, pipe or socket"


def _remote_entries(place: Place) -> Iterator[Entry]:
    try:
        found = place.fs.find(place.path, detail=True)
    except Exception as error:
        raise SourceError(f"{place.url}: cannot be listed ({type(error).__name__}: {error})") from error
    root = place.path.rstrip("/") + "/"
    for path, info in found.items():
        yield Entry(path.removeprefix(root), int(info.get("size") or 0), version_of(info))
