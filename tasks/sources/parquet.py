"""Parquet with image bytes: one file, or a folder of files (a data set)."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.sources.annotations import FILE_KEY, class_names, is_binary, is_scalar, is_text, row_texts
from tasks.sources.clones import below
from tasks.sources.folder import Entry, listing_hash, read_files
from tasks.sources.location import Place
from tasks.sources.member import (
    LFS_POINTER,
    MAX_MEMBER_BYTES,
    PIECE,
    Member,
    SourceError,
    archive_damaged,
    failed,
    held,
    printable,
    too_large,
)
from tasks.sources.source import IndexedSource, Source
from tasks.sources.status import Status

# The last four are img2dataset's, which names the column after the encoding.
IMAGE_COLUMNS = ("image", "bytes", "content", "jpg", "jpeg", "png", "webp")
SUFFIXES = (".parquet", ".pq")
# What Arrow raises on damaged content (SourceError means the file itself).
_DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)
# Rows decoded at a time: what is held beside the caller's.
_BATCH = 16


class NoImagesError(SourceError):
    """Parquet without a column of images."""


@dataclass(frozen=True, slots=True)
class Group:
    """One row group: the source's rows from `start` on are the file's rows from `first` on."""

    start: int
    file: int
    number: int
    first: int
    rows: int


class ParquetSource(IndexedSource):
    """Rows whose image column (one of IMAGE_COLUMNS) is binary, or `struct<bytes, path>` (Hugging Face).

    A member's path is the struct's where that is given once only, else `<file>#<row>`. No path is ever opened, so
    any is accepted. Its annotations are the row's other columns, and the name of its file.
    """

    kind = "parquet"

    def __init__(self, place: Place, reopen: Callable[[], Source], entries: list[Entry]) -> None:
        """Read the footers; `entries` are the files of the folder `place`, or none when it is a file itself.

        Those that are no Parquet, or have no images while others do, are rows of their own.
        """
        super().__init__(place, reopen)
        self._entries = entries
        files = [entry.path for entry in entries if entry.path.endswith(SUFFIXES)]
        self._names = files or [place.name]
        self._files = [below(place, path) for path in files] or [place]
        self._groups: list[Group] = []
        self._others: list[Member] = []
        self._repeated = self._index()
        self._others += [failed(path, Status.METADATA, "") for path in _notes(entries)]
        if not self.count():
            raise self._empty()

    def fingerprint(self) -> str:
        """Return that of the file, or of the folder's listing."""
        return listing_hash(self._entries) if self._entries else super().fingerprint()

    def count(self) -> int:
        """Return the number of rows, and one more for each file that is no Parquet with images."""
        return self._rows + len(self._others)

    def rows(self, start: int, stop: int) -> Iterator[Member]:
        """Read these rows; those of a damaged row group come without bytes."""
        at = max(0, bisect_right(self._groups, start, key=lambda group: group.start) - 1)
        for group in self._groups[at:]:
            if group.start >= stop:
                break
            yield from self._group_rows(group, max(0, start - group.start), min(group.rows, stop - group.start))
        yield from self._others[max(0, start - self._rows) : max(0, stop - self._rows)]

    def find(self, path: str) -> int | None:
        """Return the row of a path; reads through the source."""
        return next((row for row, member in enumerate(self.members()) if member.path == path), None)

    @property
    def _rows(self) -> int:
        return self._groups[-1].start + self._groups[-1].rows if self._groups else 0

    def read(self, path: str) -> bytes:
        """Return the bytes of a file beside the Parquet files, or of the first member with this path."""
        note = next((entry for entry in self._entries if entry.path == path), None)
        return super().read(path) if note is None else self._bytes_of(next(read_files(self.place, [note])))

    def _index(self) -> frozenset[str]:
        """Find the row groups of all files; returns the paths that more than one row has."""
        paths = Counter[str]()
        empty: list[NoImagesError] = []
        for number, name in enumerate(self._names):
            try:
                self._index_file(number, paths)
            except NoImagesError as error:
                empty.append(error)
                self._others.append(failed(name, Status.METADATA, ""))
            except _DAMAGE as error:
                self._others.append(self._damaged(number, error))
        if empty and not self._groups:
            raise empty[0]
        return frozenset(path for path, times in paths.items() if times > 1)

    def _index_file(self, number: int, paths: Counter[str]) -> None:
        place = self._files[number]
        with _opened(place) as file:
            column = _image_column(file.schema_arrow, place.url)
            self._add_groups(number, _row_counts(file.metadata, place))
            paths.update(_stored_paths(file, column))

    def _damaged(self, number: int, error: Exception) -> Member:
        with closing(self._files[number].open()) as handle:
            if handle.read(len(LFS_POINTER)) == LFS_POINTER:
                return held(self._names[number], LFS_POINTER)
        return archive_damaged(self._names[number], f"no Parquet ({error})")

    def _add_groups(self, number: int, counts: list[int]) -> None:
        first = 0
        for group, rows in enumerate(counts):
            if rows:
                self._groups.append(Group(self._rows, number, group, first, rows))
            first += rows

    def _group_rows(self, group: Group, start: int, stop: int) -> Iterator[Member]:
        done, reason = start, "it ends early"
        # Damage in another column costs the annotations, not the images.
        for annotated in (True, False):
            if done == stop:
                return
            try:
                for row, value, notes in self._values(group, done, stop, annotated=annotated):
                    yield self._member(group, row, value, {**notes, FILE_KEY: printable(self._names[group.file])})
                    done = row + 1
            except _DAMAGE as error:
                reason = str(error)
        for row in range(done, stop):
            yield failed(self._row_name(group, row), Status.ARCHIVE_DAMAGED, f"this row group is damaged ({reason})")

    def _values(
        self, group: Group, start: int, stop: int, *, annotated: bool
    ) -> Iterator[tuple[int, Any, dict[str, str]]]:
        """Yield (row of the group, image value, annotations) from row `start` up to, but not with, `stop`."""
        at = 0
        with _opened(self._files[group.file]) as file:
            schema = file.schema_arrow
            column = _image_column(schema, self._files[group.file].url)
            others, names = _scalar_columns(schema) if annotated else [], class_names(schema)
            for batch in file.iter_batches(_BATCH, row_groups=[group.number], columns=[column, *others]):
                for row in range(max(start - at, 0), min(stop - at, len(batch))):
                    notes = row_texts({name: batch.column(name)[row].as_py() for name in others}, names)
                    yield at + row, batch.column(column)[row].as_py(), notes
                at += len(batch)
                if at >= stop:
                    return

    def _member(self, group: Group, row: int, value: Any, notes: dict[str, str]) -> Member:
        data, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
        given = isinstance(path, str) and bool(path) and path not in self._repeated
        name = printable(str(path) if given else self._row_name(group, row))
        if data is None:
            reason = "the row stores no bytes; embed the images when writing the file"
            return Member(name, None, Status.UNREADABLE, reason, notes)
        return too_large(name, len(data)) if len(data) > MAX_MEMBER_BYTES else Member(name, data, annotations=notes)

    def _row_name(self, group: Group, row: int) -> str:
        return f"{self._names[group.file]}#{group.first + row}"


def _notes(entries: Sequence[Entry]) -> list[str]:
    return [entry.path for entry in entries if not entry.path.endswith(SUFFIXES)]


@contextmanager
def _opened(place: Place) -> Iterator[Any]:
    handle = place.open()
    try:
        # A row group may be larger than the memory: read by pieces, and only the column that is asked for.
        stream = pa.PythonFile(handle, mode="r")
        with pq.ParquetFile(stream, pre_buffer=False, buffer_size=PIECE, page_checksum_verification=True) as file:
            yield file
    finally:
        handle.close()


def _image_column(schema: Any, url: str) -> str:
    for name in IMAGE_COLUMNS:
        if name in schema.names and _holds_bytes(schema.field(name).type):
            return name
    raise NoImagesError(
        f"{url}: no column with image bytes ({', '.join(IMAGE_COLUMNS)}; binary or struct<bytes, path>) "
        f"among {', '.join(schema.names)}; rename the column that holds them"
    )


def _holds_bytes(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return "bytes" in [field.name for field in kind] and _holds_bytes(kind.field("bytes").type)
    return is_binary(kind)


def _scalar_columns(schema: Any) -> list[str]:
    """Return the columns whose values can be annotations; of two with one name, neither."""
    return [field.name for field in schema if is_scalar(field.type) and schema.names.count(field.name) == 1]


def _row_counts(metadata: Any, place: Place) -> list[int]:
    """Return the rows of each row group; raises OSError when there cannot be so many in a file of this size."""
    counts = [int(metadata.row_group(group).num_rows) for group in range(metadata.num_row_groups)]
    with closing(place.open()) as handle:
        bits = 8 * handle.seek(0, os.SEEK_END)
    if any(count < 0 for count in counts) or sum(counts) > bits:
        raise OSError(f"its footer promises {sum(counts)} rows")
    return counts


def _stored_paths(file: Any, column: str) -> Iterator[str]:
    kind = file.schema_arrow.field(column).type
    names = [field.name for field in kind] if pa.types.is_struct(kind) else []
    if "path" not in names or not is_text(kind.field("path").type):
        return
    # Where a row group is damaged, its rows will say so; that its paths are not known harms nobody.
    with suppress(*_DAMAGE):
        for batch in file.iter_batches(columns=[f"{column}.path"]):
            yield from filter(None, batch.column(0).field("path").to_pylist())
