"""The scored archives: what was called fake, and the faces that look most suspicious."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.reporting.curves import scored_plot
from tasks.reporting.failures import Failures, failures, read_columns
from tasks.reporting.inputs import Inputs
from tasks.reporting.plots import Plot
from tasks.reporting.shapes import ArchiveScores

SUSPICIOUS = 12
BINS = 20
COLUMNS = [
    "member",
    "face_index",
    "n_faces",
    "width",
    "height",
    "box_x",
    "box_y",
    "box_width",
    "box_height",
    "detection_confidence",
    "p_fake",
    "is_fake",
    "verdict",
    "verdict_reason",
    "provenance",
]
ORDER = [("p_fake", "descending"), ("member", "ascending"), ("face_index", "ascending")]


@dataclass(frozen=True)
class Archive:
    """One scored archive. Where its parts are not at hand, `missing` is their folder, else None."""

    name: str
    counts: ArchiveScores
    suspicious: tuple[dict[str, Any], ...]
    failures: Failures
    plot: Plot | None
    faces_in_parts: int
    missing: str | None


def archives(inputs: Inputs) -> list[Archive]:
    """Return all archives of reports/score.json with what their parts in data/scores say."""
    if inputs.score is None:
        return []
    threshold = inputs.score.threshold
    return [
        _archive(name, counts, _parts(inputs.data, counts.scores), threshold, number)
        for number, (name, counts) in enumerate(inputs.score.archives.items())
    ]


def _parts(data: Path, scores: str) -> list[Path]:
    """Return the parts of the folder `scores`, of which the last two names count: model=<id>/archive=<name>."""
    return sorted(data.joinpath("scores", *PurePosixPath(scores).parts[-2:]).glob("part-*.parquet"))


def _archive(name: str, counts: ArchiveScores, parts: Sequence[Path], threshold: float, number: int) -> Archive:
    top = pa.table({column: [] for column in COLUMNS})
    histogram = np.zeros(BINS, np.int64)
    for path in parts:
        table = read_columns(path, COLUMNS, "score")
        faces = table.filter(pc.is_valid(table["p_fake"]))
        histogram += np.histogram(faces["p_fake"].to_numpy(), BINS, (0, 1))[0]
        top = _most_suspicious([faces] if top.num_rows == 0 else [top, faces])
    return Archive(
        name,
        counts,
        tuple(top.to_pylist()),
        failures(parts, "score"),
        scored_plot(f"archive-{number}", histogram, threshold) if histogram.any() else None,
        int(histogram.sum()),
        None if parts else counts.scores,
    )


def _most_suspicious(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).sort_by(ORDER).slice(0, SUSPICIOUS)
