"""How long stages took, kept apart from what they found: DVC hashes the one, and no two runs take the same time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.params.files import write_json

TIMES = ("seconds", "images_per_second", "finished")
FOLDER = "timings"  # in reports/


def write_report(reports: Path, name: str, report: Mapping[str, Any]) -> None:
    """Write what a stage found to `reports`/<name>.json, and its times to `reports`/timings/<name>.json."""
    write_json(reports / f"{name}.json", without_times(report))
    write_json(reports / FOLDER / f"{name}.json", times_of(report))


def read_times(reports: Path, name: str) -> dict[str, Any]:
    """Return the times that `write_report` kept by that name; nothing where there are none that can be read."""
    try:
        content = json.loads((reports / FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def without_times(value: Any) -> Any:
    """Return a report without TIMES, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_times(inner) for key, inner in value.items() if key not in TIMES}
    return value


def times_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the TIMES of a report, each where it stood."""
    inner = {key: times_of(each) for key, each in value.items() if isinstance(each, Mapping)}
    return {**{key: value[key] for key in TIMES if key in value}, **{key: each for key, each in inner.items() if each}}
