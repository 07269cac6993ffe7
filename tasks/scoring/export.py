"""Scores as CSV or JSON Lines, for what reads no Parquet: part by part, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

from tasks.manifests.schemas import SCORES
from tasks.params.files import atomic_write
from tasks.scoring.store import ScoreFolder

LANDMARKS = [
    f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in "xy"
]
# How a cell begins that a spreadsheet computes; the names of an archive's members are whatever somebody put there.
FORMULA = r"^([=+\-@\t\r\n])"
# What is said of an image, whatever its faces.
IMAGE_COLUMNS = [
    "archive",
    "index",
    "member",
    "image_id",
    "status",
    "error",
    "width",
    "height",
    "frames",
    "n_faces",
    "provenance",
    "image_p_fake",
    "image_is_fake",
    "image_verdict",
    "verdict_rule",
    "threshold_rule",
    "model_id",
]


def export_csv(folder: ScoreFolder, path: Path, images: bool) -> int:
    """Write a scoring as CSV with a header; a row per face, or with `images` per input. Returns the number of rows.

    The landmarks are ten columns, left_eye_x to mouth_right_y; a null is an empty field, unlike "". Text that a
    spreadsheet would take as a formula (see FORMULA) gets an apostrophe in front; Parquet and JSON Lines keep it as is.
    """
    empty = _flat(SCORES.empty_table().select(IMAGE_COLUMNS if images else SCORES.names))

    def write(stream: BinaryIO) -> int:
        rows = 0
        with pc_csv.CSVWriter(stream, empty.schema) as writer:
            for table in _tables(folder, images):
                writer.write_table(_inert(_flat(table)))
                rows += table.num_rows
        return rows

    return _written(path, write)


def export_jsonl(folder: ScoreFolder, path: Path, images: bool) -> int:
    """Write a scoring as JSON Lines: an object per face, or with `images` per input. Returns the number of rows."""

    def write(stream: BinaryIO) -> int:
        rows = 0
        for table in _tables(folder, images):
            for row in _plain_rows(table):
                stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            rows += table.num_rows
        return rows

    return _written(path, write)


def first_rows(table: pa.Table) -> pa.Table:
    """Return the first row of every image of a part with the column `index`: the rows of an image are neighbours."""
    index = table.column("index").to_numpy()
    return table.take(np.flatnonzero(np.diff(index, prepend=-1)))


def _tables(folder: ScoreFolder, images: bool) -> Iterator[pa.Table]:
    for part in folder.parts():
        yield first_rows(folder.read(IMAGE_COLUMNS, part)) if images else folder.read(index=part)


def _written(path: Path, write: Callable[[BinaryIO], int]) -> int:
    with atomic_write(path) as temp, temp.open("wb") as stream:
        return write(stream)


def _flat(table: pa.Table) -> pa.Table:
    """Return the table with a column for each figure of the landmarks."""
    columns: dict[str, Any] = {}
    for name in table.column_names:
        values = table.column(name)
        if name == "landmarks":
            columns |= {each: pc.list_element(values, place) for place, each in enumerate(LANDMARKS)}
        else:
            columns[name] = values
    return pa.table(columns)


def _inert(table: pa.Table) -> pa.Table:
    """Return the table with an apostrophe before every text that begins like a formula."""
    columns = {
        name: pc.replace_substring_regex(values, FORMULA, r"'\1") if pa.types.is_string(values.type) else values
        for name, values in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(columns)


def _plain_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield rows as JSON takes them; a float32 as the shortest figure that reads back as the same float32."""
    columns = [_plain_values(table.column(name)) for name in table.column_names]
    for values in zip(*columns, strict=True):
        yield dict(zip(table.column_names, values, strict=True))


def _plain_values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_float32(column.type):
        return [None if text in (None, "nan") else float(text) for text in column.cast(pa.string()).to_pylist()]
    if pa.types.is_fixed_size_list(column.type):
        shortest = column.cast(pa.list_(pa.string(), 10)).to_pylist()
        return [None if texts is None else [float(text) for text in texts] for texts in shortest]
    values: list[Any] = column.to_pylist()
    return values
