"""CSV files that name the label or the group of each image: members of the dump, or files beside it."""

from __future__ import annotations

import csv
import io
import posixpath
from pathlib import Path
from typing import Protocol

from tasks.params import FauxfaceError


class Readable(Protocol):
    """What labelling asks of a dump."""

    def read(self, path: str) -> bytes:
        """Return one member's bytes; raises FauxfaceError when there is no such member."""
        ...


class Column:
    """One column of a CSV file, looked up by a member's path."""

    def __init__(self, file: str, values: dict[str, str]) -> None:
        """`values` maps normal member paths to cells; they may also be relative to the folder of `file`."""
        self.file = file
        self._values = values
        self._folder = posixpath.dirname(normal(file))

    def get(self, member: str) -> str | None:
        """Return the cell of `member`, or None when the file does not list it."""
        path = normal(member)
        if path in self._values:
            return self._values[path]
        if self._folder and path.startswith(f"{self._folder}/"):
            return self._values.get(path[len(self._folder) + 1 :])
        return None


class Metadata:
    """The CSV files of one dump, each read once."""

    def __init__(self, dataset: str, source: Readable) -> None:
        """`dataset` is named in errors; `source` gives the members' bytes."""
        self._dataset = dataset
        self._source = source
        self._texts: dict[str, str] = {}

    def column(self, file: str, member: str, column: str) -> Column:
        """Return `column` of `file`, whose column `member` holds the members' paths; raises FauxfaceError."""
        if file not in self._texts:
            self._texts[file] = self._text(file)
        where = f"data set {self._dataset}: {file}"
        try:
            reader = csv.DictReader(io.StringIO(self._texts[file], newline=""), strict=True)
            _require(where, list(reader.fieldnames or ()), (member, column))
            return Column(file, _cells(where, reader, member, column))
        except csv.Error as error:
            raise FauxfaceError(f"{where}: line {reader.line_num} is no valid CSV ({error}).") from None

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
            return self._source.read(file)
        except FauxfaceError as error:
            if not Path(file).is_file():
                hint = "and there is no local file of that path. Correct `file` in the label or group rule."
                raise FauxfaceError(f"data set {self._dataset}: no CSV {file}: {error} {hint}") from None
        return Path(file).read_bytes()


def normal(path: str) -> str:
    """Return `path` with forward slashes, without `./` and doubled slashes, so that spellings compare equal."""
    return posixpath.normpath(path.replace("\\", "/"))


def _require(where: str, found: list[str], wanted: tuple[str, ...]) -> None:
    for name in wanted:
        if name not in found:
            columns = ", ".join(found) or "none; is the file empty?"
            raise FauxfaceError(f"{where} has no column {name!r}. Its columns: {columns}.")


def _cells(where: str, reader: csv.DictReader[str], member: str, column: str) -> dict[str, str]:
    cells: dict[str, str] = {}
    for row in reader:
        path, cell = normal((row[member] or "").strip()), (row[column] or "").strip()
        if cells.setdefault(path, cell) != cell:
            both = f"{cells[path]!r} and {cell!r}"
            raise FauxfaceError(f"{where}: line {reader.line_num}: {path} has two values of {column!r}, {both}.")
    return cells
