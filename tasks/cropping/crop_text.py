"""What became of a data set's inputs, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.text_table import table


def crop_lines(name: str, metrics: Mapping[str, Any]) -> list[str]:
    """Return the line of a data set, whose report is `metrics`, and above it its statuses where there are several."""
    status, inputs = metrics["status"], metrics["inputs"]
    rows = [[each, f"{count:,}", f"{100 * count / inputs:.1f} %"] for each, count in status.items()]
    counted = table([["status", "inputs", "share"], *rows], right=(1, 2)) if len(rows) > 1 else []
    statuses = ", ".join(f"{count} {each}" for each, count in status.items())
    rate = f"{metrics['images_per_second']:.0f} images/s"
    return [*counted, f"{name}: {inputs} inputs = {statuses}; {metrics['faces']} faces; {rate}"]
