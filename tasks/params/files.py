"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TEMP_PREFIX = ".tmp-"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; on success it is synced and takes the name, on failure it is removed.

    A reader, or a process killed at any moment, sees either the old file or the complete new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f"{TEMP_PREFIX}{uuid.uuid4().hex[:8]}-{path.name[-50:]}")  # names end at 255 bytes
    try:
        yield temp
        _sync(temp)
        temp.replace(path)
        _sync(path.parent)
    finally:
        temp.unlink(missing_ok=True)


@contextmanager
def appearing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty sibling that takes the place of `folder` when all went well, and vanishes when not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temp = folder.with_name(f"{TEMP_PREFIX}{uuid.uuid4().hex[:8]}-{folder.name}")
    temp.mkdir()
    try:
        yield temp
        if folder.exists():
            shutil.rmtree(folder)
        temp.replace(folder)
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON; NaN and infinities are refused, since JSON has none."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_write(path) as temp:
        temp.write_text(text, encoding="utf-8")


def sha256_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove_temp_files(folder: Path) -> int:
    """Remove what a killed `atomic_write` left directly in `folder`; returns how many files went."""
    stale = sorted(folder.glob(f"{TEMP_PREFIX}*")) if folder.is_dir() else []
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def remove_stale(folder: Path, spared: Collection[Path] = ()) -> int:
    """Remove what killed writers left anywhere below `folder`, files and folders; returns how many went.

    `spared` folders are not entered: those that are large, or whose owners remove what is stale themselves. Nobody may
    be writing below `folder` meanwhile.
    """
    stale: list[Path] = []
    for at, folders, files in os.walk(folder):
        stale += [Path(at, name) for name in (*folders, *files) if name.startswith(TEMP_PREFIX)]
        folders[:] = [name for name in folders if not name.startswith(TEMP_PREFIX) and Path(at, name) not in spared]
    for path in stale:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):  # what cannot be removed is in nobody's way
                path.unlink()
    return len(stale)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
