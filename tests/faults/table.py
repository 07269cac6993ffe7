"""The table of faults: what was done to the pipeline in this run of the tests, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

COLUMNS = ("faults", "survived", "rows lost", "rows doubled")
PROPERTY = "fault"

Tell = Callable[[str, object], None]


def tell(record: Tell, name: str, faults: int, *, lost: int = 0, doubled: int = 0) -> None:
    """Add survived faults to the table's line `name`, and fail where rows are lost or doubled.

    `record` is pytest's record_property.
    """
    record(PROPERTY, [name, faults, faults, lost, doubled])
    assert (lost, doubled) == (0, 0), f"{name}: {lost} rows lost, {doubled} doubled"


def rows_wrong(rows: pd.DataFrame, expected: int) -> dict[str, int]:
    """Return how many of the inputs 0 to `expected` have no row, and how many rows there are too many.

    `rows` has the column `index`, and `face_index` where an input has a row for every face.
    """
    keys = rows[[name for name in ("index", "face_index") if name in rows]]
    return {"lost": len(set(range(expected)) - set(keys["index"])), "doubled": int(keys.duplicated().sum())}


def lines(reports: Iterable[Any]) -> list[str]:
    """Return the table of all tests that told something; none where no test did."""
    sums: dict[str, list[int]] = {}
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name == PROPERTY and report.when == "call":
                line = sums.setdefault(value[0], [0] * len(COLUMNS))
                sums[value[0]] = [one + more for one, more in zip(line, value[1:], strict=True)]
    if not sums:
        return []
    total = [sum(column) for column in zip(*sums.values(), strict=True)]
    width = max(len(name) for name in (*sums, "all"))
    head = f"{'fault':{width}}" + "".join(f"  {column:>12}" for column in COLUMNS)
    body = [f"{name:{width}}" + "".join(f"  {value:12,}" for value in line) for name, line in sums.items()]
    return [head, *body, f"{'all':{width}}" + "".join(f"  {value:12,}" for value in total)]
