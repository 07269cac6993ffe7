"""The folder of scores through other people's readers: the same rows, the same types, the partitions as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.dataset as arrow_dataset
import pyarrow.parquet as pq
import pytest

from tasks.manifests.schemas import SCORE_FILE
from tasks.scoring.store import ScoreStore
from tests.scoring.made import empty_row, face_row, make_scoring

MODELS = ["a12345678901", "b00000000000"]
ARCHIVES = ["2026-11", "顔写真"]
ROWS = [*(face_row(index, 0.1 * index) for index in range(7)), empty_row(7, "no_face"), empty_row(8, "truncated")]
LABELS = {f"{archive}-{'1' * 12}" for archive in ARCHIVES}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two archives scored by two models; one scoring is not complete. 3 * 9 + 6 rows."""
    root = tmp_path_factory.mktemp("readers") / "scores"
    store = ScoreStore(str(root))
    for model in MODELS:
        for archive in ARCHIVES:
            complete = (model, archive) != (MODELS[1], ARCHIVES[1])
            make_scoring(store, archive, ROWS, model=model, fingerprint="1" * 64, complete=complete)
    return root


def by_arrow(root: Path) -> pa.Table:
    return arrow_dataset.dataset(root, partitioning="hive").to_table()


def by_pandas(root: Path) -> pa.Table:
    return pa.Table.from_pandas(pd.read_parquet(root), preserve_index=False)


def by_dask(root: Path) -> pa.Table:
    import dask
    import dask.dataframe

    with dask.config.set(scheduler="synchronous"):
        return pa.Table.from_pandas(dask.dataframe.read_parquet(str(root)).compute(), preserve_index=False)


def by_duckdb(root: Path) -> pa.Table:
    query = f"select * from read_parquet('{root}/**/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        return connection.sql(query).to_arrow_table()


def by_polars(root: Path) -> pa.Table:
    return polars.read_parquet(root).to_arrow()


@pytest.mark.filterwarnings("ignore:The inplace keyword:Warning")  # of pandas, at what Dask does
@pytest.mark.parametrize("read", [by_arrow, by_pandas, by_dask, by_duckdb, by_polars])
def test_every_reader_of_partitioned_folders_finds_the_same_rows_and_types(
    root: Path, read: Callable[[Path], pa.Table]
) -> None:
    table = read(root)
    assert table.num_rows == 33
    assert sorted(table.column_names) == sorted([*SCORE_FILE.names, "model", "archive"])
    for name, values in (("model", set(MODELS)), ("archive", LABELS)):
        column = table.column(name).cast(pa.string())
        assert set(column.to_pylist()) == values, "text, not a number or a date"
    assert set(table.column("archive").cast(pa.string()).to_pylist()) == LABELS
    assert sorted(filter(None, table.column("image_id").cast(pa.string()).to_pylist())) == sorted(
        row["image_id"] for row in [*ROWS * 3, *ROWS[:6]] if row["image_id"]
    )
    for name in ("index", "p_fake", "is_fake", "member", "landmarks"):
        assert plain(table.schema.field(name).type) == plain(SCORE_FILE.field(name).type), name


def plain(kind: pa.DataType) -> str:
    """Return what a type holds, whatever width or form a reader chose for it."""
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"list of {plain(kind.value_type)}"
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    # pandas has floats or objects where integers or truth values may be missing
    return "text" if any(test(kind) for test in text) else str(kind)


def test_hugging_face_finds_all_rows(root: Path, tmp_path: Path) -> None:
    import datasets  # type: ignore[import-untyped]

    found = datasets.load_dataset("parquet", data_dir=str(root), split="train", cache_dir=str(tmp_path))
    assert found.num_rows == 33
    assert found.column_names == SCORE_FILE.names
    assert found.features["p_fake"].dtype == "float32"
    assert found.features["landmarks"].length == 10


def test_spark_s_rules_for_a_partitioned_folder_are_kept(root: Path) -> None:
    """Spark passes over names that begin with `_`, wants one schema, and no partition column in the files."""
    known = {"String", "None", "Int(bitWidth=16, isSigned=true)", "Int(bitWidth=32, isSigned=true)", "List"}
    files = [path for path in root.rglob("*.parquet") if not path.name.startswith("_")]
    assert len(files) == 11
    for path in files:
        schema = pq.read_schema(path)
        assert schema.remove_metadata().equals(SCORE_FILE)
        assert not {"model", "archive"} & set(schema.names)
        columns: Any = pq.ParquetFile(path).schema
        assert {str(columns.column(place).logical_type) for place in range(len(columns))} <= known
