"""Look at a source before anything is made of it: what it holds, and a face in how many of a few pictures."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

from tasks.detection.onepass import ImageResult, faces_of, shared_detector
from tasks.manifests.labelling import Picture
from tasks.manifests.matching import normal
from tasks.params import CropParams, FauxfaceError
from tasks.sources import IndexedSource, Member, Source, open_source
from tasks.sources.location import is_local
from tasks.sources.sidecars import SIDECARS
from tasks.sources.status import Status
from tasks.sources.system_files import is_system_file

LOOKED_AT = 20
# Of a source without an index so much is read at most: enough to see its folders, little enough to wait for.
MAX_READ = 5000
MAX_READ_BYTES = 256 * 1024 * 1024
# Rows of Parquet that are read for what their columns say.
MAX_ROWS = 200
_TABLES = {".csv", ".tsv", ".tab"}
_NOTES = {".md", ".pdf", ".html", ".htm", ".log", ".yaml", ".yml", ".py", ".mat", ".xlsx", ".docx", ".rst"}
Entry = TypeVar("Entry")
_BESIDE = ("metadata.csv", "labels.csv", "label.csv")


@dataclass(frozen=True)
class Survey:
    """What a source holds. `members` is None where nobody can know before its end; `pictures` are those that were
    listed, all of them where `whole`; `looked` are the few that were searched for faces; `tables` are the paths of CSV
    files in it, and of those beside it the paths as they were found.
    """

    url: str
    kind: str
    members: int | None
    pictures: Sequence[Picture]
    whole: bool
    tables: Mapping[str, bytes]
    beside: Mapping[str, bytes] = field(default_factory=dict)
    looked: Sequence[ImageResult] = ()
    size: int | None = None

    def read(self, path: str) -> bytes:
        """Return a table's bytes, as labelling asks for them; raises FauxfaceError when there is none of this path."""
        found = next((data for name, data in self.tables.items() if normal(name) == normal(path)), None)
        found = self.beside.get(path) if found is None else found
        if found is None:
            raise FauxfaceError("the dump has no such table")
        return found

    @property
    def formats(self) -> Counter[str]:
        """The suffixes of the pictures, as they are called."""
        names = {"jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF", "": "without a suffix"}
        suffixes = (PurePosixPath(picture.member).suffix[1:].lower() for picture in self.pictures)
        return Counter(names.get(suffix, suffix.upper()) for suffix in suffixes)

    @property
    def folders(self) -> Counter[str]:
        """The pictures by the folder that they lie in; the empty name is the top."""
        return Counter(normal(picture.member).rpartition("/")[0] for picture in self.pictures)

    @property
    def faces(self) -> int:
        """How many of the pictures looked at have a face."""
        return sum(result.n_faces > 0 for result in self.looked)


def survey(url: str, crop: CropParams | None, *, sha256: str | None = None, encoding: str | None = None,
           cache: Path | None = None) -> Survey:  # fmt: skip
    """Return what the source at `url` holds, with faces looked for as `crop` says (None: not at all).

    Raises FauxfaceError when there is none, or when it holds no pictures.
    """
    with open_source(url, sha256=sha256, encoding=encoding, cache=cache) as source:
        paths = source.paths()
        found = _indexed(source, paths) if paths is not None else _read(source)
        if not found.pictures:
            raise FauxfaceError(f"{url}: holds no pictures, only {_others(found)}. Give the folder or archive of them.")
        looked = list(_looked_at(found.samples, crop)) if crop else []
        tables = {path: source.read(path) for path in found.tables} if found.whole else {}
        return Survey(
            url, source.kind, source.count(), found.pictures, found.whole, tables, _beside(url), looked, _size(url)
        )


@dataclass
class _Found:
    """Pictures and tables of a source, a few members to look at, and whether all of it was listed."""

    pictures: list[Picture] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    others: int = 0
    samples: list[Member] = field(default_factory=list)
    whole: bool = True

    def add(self, path: str, annotations: Mapping[str, str] | None = None) -> bool:
        """Take a member by its path; returns whether it may be a picture."""
        suffix = PurePosixPath(normal(path)).suffix.lower()
        if is_system_file(path):
            return False
        if suffix in _TABLES:
            self.tables.append(path)
        elif suffix in _NOTES or suffix[1:] in SIDECARS:
            self.others += 1
        else:
            self.pictures.append(Picture(path, annotations))
            return True
        return False


def _indexed(source: Source, paths: Sequence[str]) -> _Found:
    """List a source by its index, and read only what is looked at."""
    assert isinstance(source, IndexedSource)  # noqa: S101 (for mypy: only these have an index)
    found = _Found()
    rows = [row for row, path in enumerate(paths) if found.add(path)]
    found.samples = [next(source.rows(row, row + 1)) for row in spread(rows, LOOKED_AT)]
    said = {member.path: member.annotations for member in found.samples if member.annotations}
    found.pictures = [Picture(each.member, said.get(each.member)) for each in found.pictures]
    return found


def _read(source: Source) -> _Found:
    """List a source by reading it: all of it, or rows of it evenly spread, or of a stream its beginning."""
    found, kept, weight, step = _Found(), list[Member](), 0, 1
    count = source.count()
    for number, member in enumerate(_rows(source, count)):
        weight += len(member.data or b"")
        if number >= MAX_READ or weight > MAX_READ_BYTES:
            found.whole = False
            break
        is_picture = member.status is not Status.METADATA and found.add(member.path, member.annotations)
        if is_picture and len(found.pictures) % step == 0:
            kept.append(member)
        if len(kept) == 2 * LOOKED_AT:  # how many follow nobody knows: keep every second, and go on so
            kept, step = kept[::2], step * 2
    found.samples = spread(kept, LOOKED_AT)
    found.whole = found.whole and (count is None or count <= MAX_ROWS)
    return found


def _rows(source: Source, count: int | None) -> Iterator[Member]:
    if isinstance(source, IndexedSource) and count is not None and count > MAX_ROWS:
        for row in spread(range(count), MAX_ROWS):
            yield from source.rows(row, row + 1)
    else:
        yield from source.members()


def spread(entries: Sequence[Entry], number: int) -> list[Entry]:
    """Return so many of the entries, evenly spread, or all."""
    count = len(entries)
    return (
        [entries[(2 * place + 1) * count // (2 * number)] for place in range(number)] if count > number else [*entries]
    )


def _looked_at(members: Iterable[Member], crop: CropParams) -> Iterator[ImageResult]:
    return faces_of(members, crop, "largest", shared_detector(crop), 0)


def _beside(url: str) -> dict[str, bytes]:
    """Return the tables that lie beside a local archive, by its name or by the names that such tables have."""
    path = Path(url).expanduser() if is_local(url) else None
    if path is None or not path.is_file():
        return {}
    names = [f"{path.name.split('.')[0]}.csv", *_BESIDE]
    found = [path.parent / name for name in dict.fromkeys(names)]
    return {str(table): table.read_bytes() for table in found if table.is_file()}


def _size(url: str) -> int | None:
    """Return the bytes of a local source."""
    if not is_local(url):
        return None
    path = Path(url).expanduser()
    if path.is_file():
        return path.stat().st_size
    return sum((Path(folder) / name).lstat().st_size for folder, _, names in os.walk(path) for name in names)


def _others(found: _Found) -> str:
    return f"{len(found.tables)} tables and {found.others} other files"
