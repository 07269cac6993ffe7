"""A folder in which dumps arrive: which lie there, and whether somebody still writes to them."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.sources.folder import list_folder, listing_hash
from tasks.sources.location import Place, locate, version_of
from tasks.sources.member import SourceError
from tasks.sources.opening import kind_by_name

MARKER = ".done"  # <dump>.done beside a dump: whoever brought it says that it is complete
_TIMES = ("mtime", "LastModified", "last_modified")


@dataclass(frozen=True)
class Dump:
    """A dump in the inbox; `version` changes when anything of it is written, `marked` says that it is complete."""

    url: str
    name: str
    version: str
    marked: bool


@dataclass(frozen=True)
class _Item:
    """A file or folder of the inbox; `written`, in seconds, where it is known (of a folder, of its newest file)."""

    name: str
    is_folder: bool
    version: str
    written: float | None


def look(inbox: str) -> tuple[list[Dump], list[str]]:
    """Return the dumps directly in the folder or URL `inbox`, by name, and the names of what is none.

    A folder that holds something is a dump, and a file that is named like one (.zip, .tar, ...). Hidden names (`.x`,
    `_x`) and markers are passed over; a marker that is older than its dump counts as none. Raises SourceError when the
    inbox is missing (on an object store: its bucket) or cannot be listed.
    """
    place = locate(inbox)
    if _is_empty_prefix(place):
        return [], []
    if not place.is_folder:
        raise SourceError(f"{inbox}: is a file; the inbox is the folder that dumps are dropped into")
    items = {item.name: item for item in (_local_items(place) if place.local else _remote_items(place))}
    names = sorted(name for name in items if not name.startswith((".", "_")) and not name.endswith(MARKER))
    dumps = [name for name in names if items[name].is_folder or kind_by_name(name)]
    found = [_dump(inbox, items[name], items.get(name + MARKER)) for name in dumps]
    return found, [name for name in names if name not in set(dumps)]


def _is_empty_prefix(place: Place) -> bool:
    """An object store has no empty folders: there, the inbox is missing until its first dump comes."""
    bucket, _, prefix = place.path.partition("/")
    if place.local or not prefix or "://" in place.path:
        return False
    return bool(not place.fs.exists(place.path) and place.fs.exists(bucket))


def _dump(inbox: str, item: _Item, mark: _Item | None) -> Dump:
    """Describe one dump; its address is the inbox's with its name, so that it stays relative where that one is."""
    marked_at = mark.written if mark else None
    stale = marked_at is not None and item.written is not None and marked_at < item.written
    return Dump(f"{inbox.rstrip('/')}/{item.name}", item.name, item.version, mark is not None and not stale)


def _local_items(place: Place) -> Iterator[_Item]:
    try:
        paths = sorted(Path(place.path).iterdir())
    except OSError as error:
        raise SourceError(f"{place.url}: cannot be listed ({error.strerror}); check its permissions") from error
    for path in paths:
        try:
            facts = path.stat()  # a link stands for what it leads to
        except OSError:
            continue  # just taken away, or a link to nowhere
        if not stat.S_ISDIR(facts.st_mode):
            version = f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"
            yield _Item(path.name, False, version, facts.st_mtime)
        elif entries := list_folder(Place(path.name, place.fs, str(path))):
            written = max(int(entry.version) for entry in entries) / 1e9
            yield _Item(path.name, True, listing_hash(entries), written)


def _remote_items(place: Place) -> Iterator[_Item]:
    try:
        place.fs.invalidate_cache()  # a listing is as old as its first use otherwise
        found = [info for info in place.fs.ls(place.path, detail=True) if info["name"].rstrip("/") != place.path]
    except Exception as error:
        raise SourceError(f"{place.url}: cannot be listed ({type(error).__name__}: {error})") from error
    for info in found:
        name = info["name"].rstrip("/").rsplit("/", 1)[-1]
        inside = Place(name, place.fs, info["name"])
        if info["type"] == "directory":
            yield _Item(name, True, listing_hash(list_folder(inside)), None)
        else:
            known = info if info.get("size") is not None and version_of(info) else inside.info
            yield _Item(name, False, f"{known.get('size')} {version_of(known)}", _written(known))


def _written(info: dict[str, Any]) -> float | None:
    value = next((info[key] for key in _TIMES if key in info), None)
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value) if isinstance(value, int | float) else None
