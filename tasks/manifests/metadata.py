"""CSV files that name the label or the group of each image: members of the dump, or files beside it."""

from __future__ import annotations

import csv
import io
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tasks.manifests.matching import DoesNotFitError, Matcher, likely_reason, normal
from tasks.params import CsvGroup, CsvLabel, FauxfaceError

_SEPARATORS = (",", "\t", ";")


class Readable(Protocol):
    """What labelling asks of the tables that came with a dump."""

    def read(self, path: str) -> bytes:
        """Return one table's bytes; raises FauxfaceError when there is none of this path."""
        ...


class Column:
    """One column of a CSV file, looked up by an image's path."""

    def __init__(self, rule: CsvLabel | CsvGroup, cells: dict[str, str], members: Sequence[str]) -> None:
        """`cells` maps normal paths to values; `members` are the paths of the dump's pictures."""
        self.file = rule.file
        self.cells = cells
        self._members = members
        self._folder = posixpath.dirname(normal(rule.file))
        self._matcher = Matcher(rule.match, cells, members) if rule.match != "path" else None

    def cell(self, member: str) -> str:
        """Return the value for the image at the path `member`; raises DoesNotFitError when the file has none for it."""
        found = self._equal(normal(member)) if self._matcher is None else self._matcher.cell(member)
        if found is None:
            raise DoesNotFitError(f"{self.file} does not list it")
        return found

    def likely_reason(self, unlisted: Sequence[str]) -> str:
        """Return why the images `unlisted` are not found, as far as their names tell."""
        return likely_reason(self.cells, unlisted, self._members)

    def _equal(self, path: str) -> str | None:
        """Look up the path as it is, or as it reads from the file's own folder."""
        if path in self.cells:
            return self.cells[path]
        inside = self._folder and path.startswith(f"{self._folder}/")
        return self.cells.get(path[len(self._folder) + 1 :]) if inside else None


class Metadata:
    """The CSV files of one data set, each read once; `local` are those that lie beside the dump."""

    def __init__(self, dataset: str, tables: Readable, members: Sequence[str]) -> None:
        """`dataset` is named in errors; `tables` gives the bytes of the dump's own; `members` are its pictures."""
        self._dataset = dataset
        self._tables = tables
        self._members = members
        self._texts: dict[str, str] = {}
        self.local: list[Path] = []

    def column(self, rule: CsvLabel | CsvGroup) -> Column:
        """Return the column that a rule names; raises FauxfaceError."""
        if rule.file not in self._texts:
            self._texts[rule.file] = self._text(rule.file)
        where = f"data set {self._dataset}: {rule.file}"
        try:
            rows = _rows(self._texts[rule.file], (rule.member, rule.column))
            header = [name.strip() for name in next(rows, [])]
            member, column = (_place(where, header, name) for name in (rule.member, rule.column))
            return Column(rule, _cells(where, rows, member, column, rule.column), self._members)
        except csv.Error as error:
            raise FauxfaceError(f"{where}: is no valid CSV ({error}).") from None

    def _text(self, file: str) -> str:
        data = self._bytes(file)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            reason = f"is not UTF-8 text ({error.reason} at byte {error.start})"
            raise FauxfaceError(f"data set {self._dataset}: {file} {reason}. Save it as UTF-8.") from None

    def _bytes(self, file: str) -> bytes:
        """Return the member `file`, or else the local file of that path."""
        try:
            return self._tables.read(file)
        except FauxfaceError as error:
            if not Path(file).is_file():
                hint = "and there is no local file of that path. Correct `file` in the label or group rule."
                raise FauxfaceError(f"data set {self._dataset}: no CSV {file}: {error}, {hint}") from None
        self.local.append(Path(file))
        return Path(file).read_bytes()


class _Lines:
    """The rows of a CSV text, with the line at which the reader is."""

    def __init__(self, text: str, separator: str) -> None:
        self._reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)

    @property
    def line(self) -> int:
        return self._reader.line_num

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> list[str]:
        try:
            return next(self._reader)
        except csv.Error as error:
            raise csv.Error(f"line {self.line}: {error}") from None


def _rows(text: str, wanted: tuple[str, str]) -> _Lines:
    """Return the rows of a text with the separator whose header holds the wanted columns: comma, tab or semicolon."""
    for separator in _SEPARATORS:
        header = {name.strip() for name in next(_Lines(text, separator), [])}
        if header.issuperset(wanted):
            return _Lines(text, separator)
    first = text.partition("\n")[0]
    return _Lines(text, max(_SEPARATORS, key=first.count))


def _place(where: str, header: list[str], name: str) -> int:
    """Return the number of the one column of that name."""
    if header.count(name) > 1:
        places = " and ".join(str(number) for number, found in enumerate(header, 1) if found == name)
        raise FauxfaceError(f"{where} has two columns {name!r} (number {places}). Rename the one that is not meant.")
    if name not in header:
        columns = ", ".join(header) or "none; is the file empty?"
        raise FauxfaceError(f"{where} has no column {name!r}. Its columns: {columns}.")
    return header.index(name)


def _cells(where: str, rows: _Lines, member: int, column: int, name: str) -> dict[str, str]:
    cells: dict[str, str] = {}
    for row in rows:
        if not row:
            continue
        path, cell = (row[place].strip() if place < len(row) else "" for place in (member, column))
        path = normal(path)
        if cells.setdefault(path, cell) != cell:
            both = f"{cells[path]!r} and {cell!r}"
            raise FauxfaceError(f"{where}: line {rows.line}: {path} has two values of {name!r}, {both}.")
    return cells
