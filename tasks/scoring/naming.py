"""What an archive is called that was given without a name, and where it lies."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

from pydantic import ValidationError

from tasks.params import ArchiveParams, FauxfaceError
from tasks.scoring.record import Started, without_secrets
from tasks.sources.location import is_local

MAX_NAME = 64  # characters, as in params.yaml
MAX_BYTES = 160  # of a name's UTF-8: with label and partition key a folder's name stays below 255
_SUFFIX = re.compile(r"\.(zip|parquet|parq|pq|tar|tgz|tbz2?|txz|tzst|tar\.(gz|bz2|xz|zst|zstd))$", re.IGNORECASE)


def archive_of(source: str | ArchiveParams, encoding: str | None = None) -> ArchiveParams:
    """Name an archive that was given on the command line after its file; one with a name keeps it.

    `encoding` is that of its members' names. Raises FauxfaceError for one that Python does not know.
    """
    if isinstance(source, ArchiveParams):
        return source
    try:
        return ArchiveParams(name=archive_name(source), source=source, encoding=encoding)
    except ValidationError as error:
        raise FauxfaceError(
            f"--encoding: {error.errors(include_url=False)[0]['msg'].removeprefix('Value error, ')}."
        ) from None


def archive_name(source: str) -> str:
    """Return what a path or URL is called: its last part without the suffix, in letters and digits of any script.

    Names too long for a folder are cut and end in a hash of the whole.
    """
    path = source if is_local(source) else unquote(without_secrets(source))
    stem = _SUFFIX.sub("", unicodedata.normalize("NFC", Path(path.rstrip("/")).name))
    name = re.sub(r"_{2,}", "_", "".join(each if _is_kept(each) else "_" for each in stem)).strip("_-") or "archive"
    if len(name) <= MAX_NAME and len(name.encode()) <= MAX_BYTES:
        return name
    mark = hashlib.sha256(stem.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    cut = name[: MAX_NAME - 9].encode()[: MAX_BYTES - 9].decode("utf-8", "ignore")
    return f"{cut.rstrip('_-')}-{mark}"


def lies_at(source: str) -> str:
    """Return a source as the ledger knows it: relative to the workspace where it lies in it, else absolute.

    A URL is returned without what may be secret.
    """
    if not is_local(source):
        return without_secrets(source)
    path = Path(os.path.abspath(Path(source).expanduser()))  # noqa: PTH100 - resolves `..` and no links
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def same_origin(one: Started, other: Started) -> bool:
    """Tell whether two scorings are of one archive: by what it holds, where it lies, or the name that params gave it.

    That two files are both called images.zip does not make them one.
    """
    if one.fingerprint == other.fingerprint or one.source == other.source:
        return True
    return one.name == other.name and not any(archive_name(each.source) == each.name for each in (one, other))


def _is_kept(character: str) -> bool:
    """Letters, their marks, digits; what would mean something in a path, a URL or a partition is none of these."""
    return character in "_-" or unicodedata.category(character)[0] in "LMN"
