"""The inputs that gave no picture, by name and reason, from the rows of data sets and archives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.params import FauxfaceError
from tasks.sources.status import NO_FAILURES

SHOWN = 10


@dataclass(frozen=True)
class Failures:
    """The first inputs that failed, as (member, status, error), and how many there are in all."""

    rows: tuple[tuple[str, str, str], ...] = ()
    total: int = 0


def failures(paths: Iterable[Path], stage: str) -> Failures:
    """Return the failed inputs in Parquet files with the columns member, status and error, in their order."""
    rows: list[tuple[str, str, str]] = []
    total = 0
    for path in paths:
        table = read_columns(path, ["member", "status", "error"], stage)
        failed = table.filter(pc.invert(pc.is_in(table["status"], pa.array(NO_FAILURES, pa.string()))))
        total += failed.num_rows
        first = failed.slice(0, max(SHOWN - len(rows), 0)).to_pylist()
        rows += [(row["member"], row["status"], row["error"]) for row in first]
    return Failures(tuple(rows), total)


def read_columns(path: Path, columns: list[str], stage: str) -> pa.Table:
    """Return columns of one Parquet file; raises FauxfaceError naming the file when it is damaged."""
    try:
        return pq.ParquetFile(path).read(columns=columns).select(columns)
    except (OSError, KeyError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise FauxfaceError(
            f"{path}: cannot be read ({reason}). Run the stage that writes it again: `dvc repro --force {stage}`."
        ) from None
