"""Open a dump: find out what it is, by its first bytes rather than its name."""

from __future__ import annotations

import functools
import re
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tasks.sources.archives import Piece, archives_source
from tasks.sources.clones import below, is_hidden, is_note
from tasks.sources.download import default_cache, download, is_http
from tasks.sources.folder import Entry, FolderSource, list_folder
from tasks.sources.location import Place, is_local, locate
from tasks.sources.member import LFS_POINTER, NoDumpError, SourceError
from tasks.sources.parquet import SUFFIXES as PARQUET_SUFFIXES
from tasks.sources.parquet import NoImagesError, ParquetSource
from tasks.sources.source import Source
from tasks.sources.tarred import CompressedTarSource, TarSource
from tasks.sources.zipped import ZipSource

_MAGIC = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "tar.gz",
    b"\x28\xb5\x2f\xfd": "tar.zst",
    b"BZh": "tar.bz2",
    b"\xfd7zXZ\x00": "tar.xz",
    b"PAR1": "parquet",
}
_SUFFIXES = {
    ".zip": "zip",
    ".tar": "tar",
    ".tar.gz": "tar.gz",
    ".tgz": "tar.gz",
    ".tar.zst": "tar.zst",
    ".tzst": "tar.zst",
    ".tar.bz2": "tar.bz2",
    ".tbz2": "tar.bz2",
    ".tbz": "tar.bz2",
    ".tar.xz": "tar.xz",
    ".txz": "tar.xz",
    **dict.fromkeys(PARQUET_SUFFIXES, "parquet"),
}
_PART = re.compile(r"\.(z\d\d|\d{3}|part\d+|part-?[a-z]{2})$", re.IGNORECASE)
_READ = "folder, .zip, .tar, .tar.gz, .tar.zst, .tar.bz2, .tar.xz or Parquet"


def open_source(
    url: str | Path, *, sha256: str | None = None, cache: Path | None = None, encoding: str | None = None
) -> Source:
    """Open a folder, .zip, .tar, .tar.gz, .tar.zst, .tar.bz2, .tar.xz or Parquet file, local or at a URL.

    A folder of such archives or of Parquet files is one dump too. With `sha256` an http(s) file is downloaded once into
    `cache` and verified; any other file is verified where it is. `encoding` is that of an archive's names that are no
    Unicode; by default cp437 in a zip, and bytes written as `\\udcXX` in a tar. Raises SourceError when there is
    nothing, nothing readable or not what the hash says.
    """
    address = str(url)
    reopen = _reopening(address, sha256, cache, encoding)
    if sha256 and is_http(address):
        path = download(address, sha256, cache or default_cache())
        return _open_place(replace(locate(str(path)), url=address, sha256=sha256.lower()), reopen, encoding)
    place = locate(address)
    if sha256:
        _verify(place, sha256)
    return _open_place(place, reopen, encoding)


def _reopening(address: str, sha256: str | None, cache: Path | None, encoding: str | None) -> Callable[[], Source]:
    """Return what opens the source in a process with another working directory; what is verified is not verified again.

    A download is: it may have to be fetched there.
    """
    opening = functools.partial(open_source, encoding=encoding)
    if is_http(address) and sha256:
        return functools.partial(opening, address, sha256=sha256, cache=cache and cache.absolute())
    return functools.partial(opening, Path(address).expanduser().absolute() if is_local(address) else address)


def _open_place(place: Place, reopen: Callable[[], Source], encoding: str | None) -> Source:
    if place.is_folder:
        return _open_folder(place, reopen, encoding)
    kind = _kind(place)
    if kind == "zip":
        return ZipSource(place, reopen, encoding)
    if kind == "tar":
        return TarSource(place, reopen, encoding)
    if kind == "parquet":
        return ParquetSource(place, reopen, [])
    return CompressedTarSource(place, reopen, kind, encoding)


def _open_folder(place: Place, reopen: Callable[[], Source], encoding: str | None) -> Source:
    """Open a folder by what it holds: Parquet files, archives, each with notes beside them; else it is one of files."""
    entries = list_folder(place)
    seen = [entry for entry in entries if not _is_passed_over(entry.path)]
    kinds = {kind_by_name(entry.path) for entry in seen if not is_note(entry.path)}
    if kinds == {"parquet"}:
        return ParquetSource(place, reopen, seen)
    if kinds and None not in kinds:
        tables = _tables_of_archives(seen)
        pieces = (Piece(entry) if entry.path in tables else _piece(place, entry, encoding) for entry in seen)
        return archives_source(place, reopen, seen, pieces)
    return FolderSource(place, reopen, entries)


def _is_passed_over(path: str) -> bool:
    """Hidden files beside Parquet files and archives are no part of the dump: `.git/`, `_SUCCESS`, `_delta_log/`."""
    return is_hidden(path, (".", "_") if kind_by_name(path) in (None, "parquet") else (".",))


def _tables_of_archives(entries: list[Entry]) -> set[str]:
    """Return the Parquet files that bear the name of an archive beside them: img2dataset's tables of its shards."""
    archives = {_stem(entry.path) for entry in entries if kind_by_name(entry.path) not in (None, "parquet")}
    parquet = [entry.path for entry in entries if kind_by_name(entry.path) == "parquet"]
    return {path for path in parquet if _stem(path) in archives}


def _stem(path: str) -> str:
    """Return the path without the suffix of its kind."""
    return next(
        path[: -len(suffix)] for suffix in sorted(_SUFFIXES, key=len, reverse=True) if path.lower().endswith(suffix)
    )


def _piece(folder: Place, entry: Entry, encoding: str | None) -> Piece:
    """Open one file of a folder of archives; what is none, or holds no images, comes with the reason."""
    if entry.fault or kind_by_name(entry.path) is None:
        return Piece(entry)
    inside = below(folder, entry.path)
    try:
        return Piece(entry, _open_place(inside, _reopening(inside.url, None, None, encoding), encoding))
    except NoImagesError:
        return Piece(entry)
    except NoDumpError as error:
        return Piece(entry, error=str(error))


def _kind(place: Place) -> str:
    with closing(place.open()) as handle:
        head = handle.read(tarfile.BLOCKSIZE)
    if not head:
        raise NoDumpError(f"{place.url}: is an empty file; fetch it again")
    if head.startswith(LFS_POINTER):
        raise NoDumpError(f"{place.url}: is only Git LFS's note of a file that was not fetched; run `git lfs pull`")
    if _PART.search(place.name):
        raise NoDumpError(
            f"{place.url}: is one part of a split archive; join the parts (`cat NAME.zip.* > NAME.zip`, or for .z01 "
            "`zip -s 0 NAME.zip --out JOINED.zip`) and give the joined file"
        )
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    kind = kind or ("tar" if _is_tar_header(head) else kind_by_name(place.name))
    if kind is None:
        raise NoDumpError(
            f"{place.url}: is no {_READ}, nor damaged in a way that can be told; unpack it and give the folder"
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
