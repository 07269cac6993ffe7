"""Parquet parts that vouch for themselves: a key in the footer says what they were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.params.files import atomic_write

Row = dict[str, Any]

_OPTIONS: dict[str, Any] = {"compression": "zstd", "write_statistics": True}
_NOT_OURS = {b"ARROW:schema", b"huggingface"}


def write_part(path: Path, rows: Sequence[Row], schema: pa.Schema, notes: Mapping[str, str]) -> None:
    """Write `rows` with `notes` in the footer, whole or not at all; the same rows give the same bytes.

    The file is read back (footer and row count) before it takes its name.
    """
    write_table(path, _table(rows, schema, notes))


def part_bytes(rows: Sequence[Row], schema: pa.Schema, notes: Mapping[str, str]) -> bytes:
    """Return the content of the file that `write_part` would write."""
    sink = pa.BufferOutputStream()
    _write(_table(rows, schema, notes), sink)
    return bytes(sink.getvalue())


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` with the project's one set of Parquet options, whole or not at all."""
    with atomic_write(path) as temp:
        _write(table, temp)
        rows = pq.read_metadata(temp).num_rows
        if rows != table.num_rows:
            raise OSError(f"{path}: {rows} rows read back of {table.num_rows} written")


def part_notes(path: Path) -> dict[str, str] | None:
    """Return the notes and `rows` of a part's footer, or None for a file that is missing or no whole Parquet file."""
    return footer_notes(str(path))


def footer_notes(file: str | pa.NativeFile | None) -> dict[str, str] | None:
    """Return the notes and `rows` of a footer, or None when `file` (a path or what pyarrow reads) has none."""
    if file is None:
        return None
    try:
        footer = pq.read_metadata(file)
    except (OSError, pa.ArrowException):
        return None
    notes = {name.decode(): value.decode() for name, value in (footer.metadata or {}).items() if name not in _NOT_OURS}
    return {**notes, "rows": str(footer.num_rows)}


def _table(rows: Sequence[Row], schema: pa.Schema, notes: Mapping[str, str]) -> pa.Table:
    columns = [pa.array([row[name] for row in rows], type=schema.field(name).type) for name in schema.names]
    return pa.Table.from_arrays(columns, schema=schema.with_metadata({**(schema.metadata or {}), **notes}))


def _write(table: pa.Table, file: Path | pa.BufferOutputStream) -> None:
    """Write a table; one without rows as a file without row groups, since `datasets` fails at a group of no rows."""
    with pq.ParquetWriter(file, table.schema, **_OPTIONS) as writer:
        if table.num_rows:
            writer.write_table(table, row_group_size=1024)
