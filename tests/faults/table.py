"""The table of faults: what was done to the pipeline in this run of the tests, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

COLUMNS = ("faults", "survived", "rows lost", "rows doubled")
PROPERTY = "fault"

Tell = Callable[[str, object], None]


def tell(record: Tell, name: str, faults: int, *, lost: int = 0, doubled: int = 0, survived: int | None = None) -> None:
    """Add to the table's line `name`; by default all faults were survived. `record` is pytest's record_property."""
    record(PROPERTY, [name, faults, faults if survived is None else survived, lost, doubled])


def rows_wrong(indices: Iterable[int], expected: int) -> dict[str, int]:
    """Return how many of the rows 0 to `expected` are missing, and how many there are too many."""
    found = list(indices)
    return {"lost": len(set(range(expected)) - set(found)), "doubled": len(found) - len(set(found))}


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
