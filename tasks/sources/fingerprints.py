"""A file's fingerprint, read once: a note says which state of the file it belongs to."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from tasks.params.files import write_json
from tasks.sources.location import is_local, locate
from tasks.sources.member import printable
from tasks.sources.source import Source

# A file changed in the moment of its hashing might bear the same time; one this old (seconds) no longer changes so.
SETTLED = 2.0


def fingerprint_of(url: str, sha256: str | None, opening: Callable[[], Source], notes: Path | None) -> str:
    """Return the fingerprint of the dump at `url`, which `opening` opens, with the given `sha256` if there is one.

    That of a local file is noted in the folder `notes` with the file's size and times; a file that has not changed
    since is neither opened nor read. Without such a folder all of it is read. A file of a remote store is not, for the
    store tells its version. Raises SourceError.
    """
    if is_local(url):
        return opening().fingerprint() if notes is None else _noted_or_read(url, opening, notes)
    place = locate(url)
    known = not (place.local or sha256 or place.is_folder)
    return place.version_hash if known else opening().fingerprint()


def _noted_or_read(url: str, opening: Callable[[], Source], notes: Path) -> str:
    before = _state(url)
    path = os.path.abspath(Path(url).expanduser())  # noqa: PTH100 - resolves `..` and no links
    note = notes / f"{hashlib.sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.json"
    known = _noted(note, before)
    if known is not None:
        return known
    fingerprint = opening().fingerprint()
    if before is not None and before == _state(url) and time.time() - max(before[-2:]) / 1e9 > SETTLED:
        write_json(note, {"path": printable(path), "state": before, "fingerprint": fingerprint})
    return fingerprint


def _state(url: str) -> list[int] | None:
    """Return what changes when a local file does: device, number, size, times of content and of status."""
    if not Path(url).expanduser().is_file():
        return None
    facts = Path(url).expanduser().stat()
    return [facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]


def _noted(note: Path, state: list[int] | None) -> str | None:
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        return str(content["fingerprint"]) if state is not None and content["state"] == state else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
