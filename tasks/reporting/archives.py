"""The scored archives: what was called fake, and the faces that look most suspicious."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.params import ArchiveParams, FauxfaceError
from tasks.reporting.curves import scored_plot
from tasks.reporting.failures import Failures, failures, read_columns
from tasks.reporting.inputs import Inputs
from tasks.reporting.pictures import thumbnail
from tasks.reporting.plots import Plot
from tasks.reporting.report_schemas import ArchiveScores
from tasks.scoring.suspicious import read_faces
from tasks.sources import IndexedSource, open_source
from tasks.sources.location import is_local

SUSPICIOUS = 12
SIDE = 128  # pixels of their pictures
BINS = 20
COLUMNS = [
    "index",
    "image_id",
    "landmarks",
    "rotation",
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
    pictures: tuple[str | None, ...] = ()  # of `suspicious`, where the dump is at hand and unchanged


def archives(inputs: Inputs) -> list[Archive]:
    """Return all archives of reports/score.json with what their parts in data/scores say."""
    if inputs.score is None:
        return []
    threshold = inputs.score.threshold
    sources = inputs.params.score.archives
    found = [
        _archive(name, counts, _parts(inputs.data, counts.scores), threshold, number)
        for number, (name, counts) in enumerate(inputs.score.archives.items())
    ]
    return [
        replace(each, pictures=_pictures(sources[each.name], each.suspicious)) if each.name in sources else each
        for each in found
    ]


def _pictures(archive: ArchiveParams, rows: Sequence[dict[str, Any]]) -> tuple[str | None, ...]:
    """Return the faces of rows as data URIs, read again from a local dump with an index; none where there is none."""
    if not rows or not is_local(archive.source) or not Path(archive.source).expanduser().exists():
        return ()
    try:
        with open_source(archive.source, encoding=archive.encoding) as source:
            # To read twelve faces out of a stream would be to read the stream.
            crops = read_faces(source, rows, SIDE) if isinstance(source, IndexedSource) else []
    except (FauxfaceError, OSError):
        return ()
    return tuple(None if isinstance(crop, str) else thumbnail(crop, SIDE) for crop in crops)


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
