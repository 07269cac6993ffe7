"""The faces of several data sets as one table, without their pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.manifests.schemas import FACES, shard_name
from tasks.params import FauxfaceError

AGAIN = "Run the crop stage again: `dvc repro --force`."
PLACE = [
    pa.field("dataset", pa.string(), nullable=False),
    pa.field("shard", pa.int32(), nullable=False),
    pa.field("row", pa.int32(), nullable=False),
]
_PLACE_NAMES = {field.name for field in PLACE}


def read_faces(faces_root: Path, datasets: Iterable[str], columns: Sequence[str]) -> pa.Table:
    """Return `columns` of all faces of `datasets`, each with its place: dataset, shard (int32) and row (int32).

    Rows are in the order of `datasets`, then shard, then row. Only the named columns are read from the files
    `faces_root/<dataset>/faces-<shard>.parquet`. Raises FauxfaceError when a data set was not cropped or a shard is
    missing, damaged or without a column.
    """
    schema = pa.schema([*PLACE, *(FACES.field(name) for name in columns if name not in _PLACE_NAMES)])
    parts = [
        _shard(path, dataset, shard, schema)
        for dataset in datasets
        for shard, path in enumerate(shard_paths(faces_root / dataset))
    ]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def shard_paths(folder: Path) -> list[Path]:
    """Return the shards of one data set in order; the n-th is shard n. Raises FauxfaceError when one is missing."""
    if not (folder / "images.parquet").is_file():
        raise FauxfaceError(f"{folder}: this data set has no faces yet. Run the crop stage: `dvc repro`.")
    paths = [folder / shard_name(shard) for shard in range(len(list(folder.glob("faces-*.parquet"))))]
    for path in paths:
        if not path.is_file():
            raise FauxfaceError(f"{path}: this shard is missing. {AGAIN}")
    return paths


def _shard(path: Path, dataset: str, shard: int, schema: pa.Schema) -> pa.Table:
    """Return one shard's columns of `schema`, the place among them."""
    columns = [name for name in schema.names if name not in _PLACE_NAMES]
    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                raise FauxfaceError(f"{path}: has no column {missing[0]!r}. {AGAIN}")
            rows = file.metadata.num_rows
            table = pa.table([*_place(dataset, shard, rows), *file.read(columns=columns)], names=schema.names)
            return table.cast(schema)
    except (OSError, pa.ArrowException) as error:
        raise FauxfaceError(f"{path}: cannot be read ({error}). {AGAIN}") from None


def _place(dataset: str, shard: int, rows: int) -> list[pa.Array]:
    constant = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([dataset]))
    return [constant.cast(pa.string()), pa.array(np.full(rows, shard, np.int32)), pa.array(np.arange(rows))]
