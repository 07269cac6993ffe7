"""Parquet parts that vouch for themselves: a key in the footer says what they were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.params.files import atomic_write

Row = dict[str, Any]


def write_part(path: Path, rows: Sequence[Row], schema: pa.Schema, notes: Mapping[str, str]) -> None:
    """Write `rows` with `notes` in the footer, whole or not at all; the same rows give the same bytes.

    The file is read back (footer and row count) before it takes its name.
    """
    columns = [pa.array([row[name] for row in rows], type=schema.field(name).type) for name in schema.names]
    table = pa.Table.from_arrays(columns, schema=schema.with_metadata(dict(notes)))
    write_table(path, table)


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` with the project's one set of Parquet options, whole or not at all."""
    with atomic_write(path) as temp:
        pq.write_table(table, temp, compression="zstd", row_group_size=1024, write_statistics=True)
        rows = pq.read_metadata(temp).num_rows
        if rows != table.num_rows:
            raise OSError(f"{path}: {rows} rows read back of {table.num_rows} written")


def part_notes(path: Path) -> dict[str, str] | None:
    """Return the notes and `rows` of a part's footer, or None for a file that is missing or no whole Parquet file."""
    try:
        footer = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return None
    notes = {
        name.decode(): value.decode() for name, value in (footer.metadata or {}).items() if name != b"ARROW:schema"
    }
    return {**notes, "rows": str(footer.num_rows)}
