"""The CSV tables of a source, as far as guesses need them: columns, values, and how their paths are to be matched."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.manifests.matching import normal
from tasks.starting.survey import Survey
from tasks.starting.words import FILE_COLUMNS

_SEPARATORS = (",", "\t", ";")


@dataclass(frozen=True)
class Header:
    """One table: its path, the column that names pictures, how that is matched, and all rows as text."""

    file: str
    member: str
    match: str
    rows: Sequence[dict[str, str]]

    def named(self, names: Iterable[str]) -> list[str]:
        """Return those of its columns that have one of these names (in any case), in the order of the names."""
        columns = {column.casefold(): column for column in self.rows[0]}
        return [columns[name] for name in names if name in columns and columns[name] != self.member]

    def values(self, column: str) -> set[str]:
        """Return the values of a column but the empty one."""
        return {row[column] for row in self.rows if row.get(column)}

    def rule(self, column: str, default: str) -> dict[str, Any]:
        """Return the rule `csv` for a column; what is as it is by default is left out."""
        rule = {"rule": "csv", "file": self.file}
        given = {"member": (self.member, "file"), "column": (column, default), "match": (self.match, "path")}
        return rule | {key: value for key, (value, usual) in given.items() if value != usual}


def headers(found: Survey) -> Iterator[Header]:
    """Yield the tables in and beside a source that name its pictures."""
    members = {normal(picture.member) for picture in found.pictures}
    for file, data in {**found.tables, **found.beside}.items():
        rows = _rows(data)
        if not rows:
            continue
        for column in [name for name in rows[0] if name.casefold() in FILE_COLUMNS]:
            match = _match([normal(row.get(column) or "") for row in rows], members, normal(file).rpartition("/")[0])
            if match:
                yield Header(file, column, match, rows)
                break


def _rows(data: bytes) -> list[dict[str, str]]:
    try:
        text = data.decode("utf-8-sig")
        separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
        found = [row for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=separator) if None not in row]
    except (UnicodeDecodeError, csv.Error):
        return []
    return [{str(name).strip(): (value or "").strip() for name, value in row.items()} for row in found]


def _match(paths: Sequence[str], members: set[str], folder: str) -> str | None:
    """Return the first way of matching (as in the settings) by which most pictures are named, or None."""
    names = {_name(member) for member in members}
    stems = {name.rpartition(".")[0] or name for name in names}
    inside = {member[len(folder) + 1 :] for member in members if folder and member.startswith(f"{folder}/")}
    if _most(set(paths) & (members | inside), members):
        return "path"
    if _most({_name(path) for path in paths} & names, names) and len(names) == len(members):
        return "name"
    if _most(set(paths) & stems, stems) and len(stems) == len(members):
        return "stem"
    return None


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _most(found: set[str], wanted: set[str]) -> bool:
    return bool(wanted) and len(found) * 2 >= len(wanted)
