"""Where scores lie: a Hive-partitioned folder of Parquet parts, on this machine or at any URL that fsspec knows.

    <root>/model=<id>/archive=<name>-<fp12>/part-00000.parquet

Credentials of a remote store come from the environment (as its fsspec package reads them), never from here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.manifests.parts import Row, footer_notes, part_bytes
from tasks.manifests.schemas import SCORE_FILE, SCORES
from tasks.params import FauxfaceError
from tasks.params.files import remove_temp_files
from tasks.scoring.folder import Folder, joined

_MODEL, _ARCHIVE, _PART, _PARQUET = "model=", "archive=", "part-", ".parquet"


@dataclass(frozen=True)
class ScoreStore:
    """All scorings below `root`, a path or URL (`s3://bucket/scores`)."""

    root: str

    def scorings(self) -> list[ScoreFolder]:
        """Return every model=<id>/archive=<label> below the root, sorted; none where there is no such folder."""
        root = Folder(self.root)
        return [
            self.folder(model.removeprefix(_MODEL), archive.removeprefix(_ARCHIVE))
            for model in root.names(_MODEL)
            for archive in root.below(model).names(_ARCHIVE)
        ]

    def folder(self, model_id: str, archive: str) -> ScoreFolder:
        """Return the folder of one scoring; `archive` is the label <name>-<fp12>. Nothing is made yet."""
        return ScoreFolder(joined(self.root, f"{_MODEL}{model_id}", f"{_ARCHIVE}{archive}"), model_id, archive)


@dataclass(frozen=True)
class ScoreFolder:
    """The parts of one archive scored by one model, and facts beside them; picklable, it holds nothing open."""

    url: str
    model_id: str
    archive: str

    def absolute(self) -> ScoreFolder:
        """Return the same folder by a name that holds in a process with another working directory."""
        folder = Folder(self.url)
        return ScoreFolder(folder.path, self.model_id, self.archive) if folder.local else self

    def write_part(self, index: int, rows: Sequence[Row], notes: Mapping[str, str]) -> None:
        """Write the rows of a shard (schema SCORES) with `notes` in the footer, whole or not at all.

        The archive is said by the folder's name and by no column: see SCORE_FILE.

        The same rows give the same bytes. Raises FauxfaceError when the store refuses, and ConnectionError when it
        cannot be reached.
        """
        Folder(self.url).write(_part_name(index), part_bytes(rows, SCORE_FILE, notes))

    def notes(self, index: int) -> dict[str, str] | None:
        """Return the footer's notes and `rows` of a part, or None where it is missing or not whole."""
        return footer_notes(Folder(self.url).readable(_part_name(index)))

    def parts(self) -> list[int]:
        """Return the indices of the parts that are there, in order."""
        names = Folder(self.url).names(_PART)
        numbers = [name.removeprefix(_PART).removesuffix(_PARQUET) for name in names if name.endswith(_PARQUET)]
        return sorted(int(number) for number in numbers if number.isdigit())

    def remove_part(self, index: int) -> None:
        """Remove a part; one that is not there is no error."""
        Folder(self.url).remove(_part_name(index))

    def remove_temp_files(self) -> int:
        """Remove what a killed writer left; returns how many files went. (Only local folders have such files.)"""
        folder = Folder(self.url)
        return remove_temp_files(Path(folder.path)) if folder.local else 0

    def read(self, columns: Sequence[str] | None = None, index: int | None = None) -> pa.Table:
        """Return `columns` (all by default) of the parts in their order, or of the part `index` alone.

        Raises FauxfaceError for a part that is missing or damaged.
        """
        names = list(columns) if columns is not None else SCORES.names
        tables = [self._table(part, names) for part in (self.parts() if index is None else [index])]
        empty = SCORES.empty_table().select(names)
        return pa.concat_tables(tables) if tables else empty

    def write_json(self, name: str, value: Any) -> None:
        """Keep a JSON value beside the parts, whole or not at all; `name` is as in `_scoring.json`.

        It goes into the footer of an empty Parquet file of the parts' schema, `_scoring.parquet`: Polars reads a folder
        as it is only when all its files are Parquet of one schema.
        """
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        Folder(self.url).write(_note_name(name), part_bytes([], SCORE_FILE, {"json": text}))

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return what `write_json` kept by that name, or None where it is missing or no JSON object."""
        notes = footer_notes(Folder(self.url).readable(_note_name(name)))
        value = None if notes is None else json.loads(notes["json"])
        return value if isinstance(value, dict) else None

    def remove_json(self, name: str) -> None:
        """Remove what `write_json` kept by that name; what is not there is no error."""
        Folder(self.url).remove(_note_name(name))

    def _table(self, index: int, columns: list[str]) -> pa.Table:
        file = Folder(self.url).readable(_part_name(index))
        remedy = "Score the archive again: parts that are whole are kept."
        if file is None:
            raise FauxfaceError(f"{self.url}/{_part_name(index)}: this part is missing. {remedy}")
        stored = [name for name in columns if name != "archive"]
        try:
            with pq.ParquetFile(file) as part:
                table = part.read(columns=stored).select(stored)
        except (OSError, KeyError, pa.ArrowException) as error:
            raise FauxfaceError(f"{self.url}/{_part_name(index)}: cannot be read ({error}). {remedy}") from None
        if "archive" in columns:
            archive = pa.repeat(pa.scalar(self.archive), table.num_rows)
            table = table.append_column(SCORES.field("archive"), archive)
        return table.select(columns).replace_schema_metadata(None)


def _part_name(index: int) -> str:
    return f"{_PART}{index:05d}{_PARQUET}"


def _note_name(name: str) -> str:
    return f"{name.removesuffix('.json')}{_PARQUET}"
