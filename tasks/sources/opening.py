"""Open a dump: find out what it is, by its first bytes rather than its name."""

from __future__ import annotations

import functools
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tasks.sources.download import default_cache, download, is_http
from tasks.sources.folder import Entry, FolderSource, list_folder
from tasks.sources.member import SourceError
from tasks.sources.parquet import SUFFIXES as PARQUET_SUFFIXES
from tasks.sources.parquet import ParquetSource
from tasks.sources.place import Place, is_local, locate
from tasks.sources.source import Source
from tasks.sources.tarred import CompressedTarSource, TarSource
from tasks.sources.zipped import ZipSource

_MAGIC = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "tar.gz",
    b"\x28\xb5\x2f\xfd": "tar.zst",
    b"PAR1": "parquet",
}
_SUFFIXES = {
    ".zip": "zip",
    ".tar": "tar",
    ".tar.gz": "tar.gz",
    ".tgz": "tar.gz",
    ".tar.zst": "tar.zst",
    ".tzst": "tar.zst",
    **dict.fromkeys(PARQUET_SUFFIXES, "parquet"),
}


def open_source(url: str | Path, *, sha256: str | None = None, cache: Path | None = None) -> Source:
    """Open a folder, .zip, .tar, .tar.gz, .tar.zst, Parquet file or folder of Parquet files, local or at a URL.

    With `sha256` an http(s) file is downloaded once into `cache` and verified; any other file is verified where it
    is. Raises SourceError when there is nothing, nothing readable or not what the hash says.
    """
    address = str(url)
    reopen = _reopening(address, sha256, cache)
    if sha256 and is_http(address):
        path = download(address, sha256, cache or default_cache())
        return _open_place(replace(locate(str(path)), url=address, sha256=sha256.lower()), reopen)
    place = locate(address)
    if sha256:
        _verify(place, sha256)
    return _open_place(place, reopen)


def _reopening(address: str, sha256: str | None, cache: Path | None) -> Callable[[], Source]:
    """Return what opens the source in a process with another working directory; what is verified is not verified again.

    A download is: it may have to be fetched there.
    """
    if is_http(address) and sha256:
        return functools.partial(open_source, address, sha256=sha256, cache=cache and cache.absolute())
    return functools.partial(open_source, Path(address).expanduser().absolute() if is_local(address) else address)


def _open_place(place: Place, reopen: Callable[[], Source]) -> Source:
    if place.is_folder:
        entries = list_folder(place)
        files = _parquet_files(entries)
        return ParquetSource(place, reopen, files) if files else FolderSource(place, reopen, entries)
    kind = _kind(place)
    if kind == "zip":
        return ZipSource(place, reopen)
    if kind == "tar":
        return TarSource(place, reopen)
    if kind == "parquet":
        return ParquetSource(place, reopen, [])
    return CompressedTarSource(place, reopen, kind)


def _parquet_files(entries: list[Entry]) -> list[Entry]:
    """Return the files of a folder of Parquet (hidden ones, `.x` and `_x`, left out); none when it holds others."""
    seen = [entry for entry in entries if not entry.path.rsplit("/", 1)[-1].startswith((".", "_"))]
    return seen if all(entry.path.endswith(PARQUET_SUFFIXES) for entry in seen) else []


def _kind(place: Place) -> str:
    with closing(place.open()) as handle:
        head = handle.read(tarfile.BLOCKSIZE)
    if not head:
        raise SourceError(f"{place.url}: is an empty file; fetch it again")
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    kind = kind or ("tar" if _is_tar_header(head) else kind_by_name(place.name))
    if kind is None:
        raise SourceError(
            f"{place.url}: is no folder, .zip, .tar, .tar.gz, .tar.zst or Parquet, nor damaged in a way that can be "
            "told; unpack it and give the folder"
        )
    return kind


def _is_tar_header(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def kind_by_name(name: str) -> str | None:
    """An archive damaged at its very start, or one with something in front, is still what its name says."""
    return next((kind for suffix, kind in _SUFFIXES.items() if name.lower().endswith(suffix)), None)


def _verify(place: Place, sha256: str) -> None:
    if place.is_folder:
        raise SourceError(f"{place.url}: is a folder, which has no SHA-256; leave it out")
    if (found := place.content_hash) != sha256.lower():
        raise SourceError(f"{place.url}: its SHA-256 is {found}, not {sha256}; get the right file or correct the hash")
