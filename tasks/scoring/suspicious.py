"""The faces that look most suspicious, and their pixels, read again from the source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.detection.crop import crop_face
from tasks.imaging.decode import ImageError, decode
from tasks.manifests.parts import Row
from tasks.params import CropParams
from tasks.scoring.store import ScoreFolder
from tasks.sources import IndexedSource, Member, Source

Pixels = NDArray[np.uint8]

COLUMNS = [
    "index",
    "member",
    "image_id",
    "width",
    "height",
    "face_index",
    "n_faces",
    "box_x",
    "box_y",
    "box_width",
    "box_height",
    "detection_confidence",
    "landmarks",
    "rotation",
    "p_fake",
    "is_fake",
]
_ORDER = [("p_fake", "descending"), ("member", "ascending"), ("face_index", "ascending")]


def most_suspicious(tables: Iterable[pa.Table], number: int) -> pa.Table:
    """Return the `number` faces with the highest p_fake of tables of scores, of which one at a time is held."""
    top: pa.Table | None = None
    for table in tables:
        faces = table.filter(pc.is_valid(table["p_fake"]))
        merged = faces if top is None else pa.concat_tables([top, faces])
        top = merged.sort_by(_ORDER).slice(0, number).combine_chunks()
    return pa.table({}) if top is None else top


def suspicious_faces(folder: ScoreFolder, number: int) -> list[Row]:
    """Return the rows (COLUMNS) of the `number` most suspicious faces of a scoring, the most suspicious first."""
    rows: list[Row] = most_suspicious((folder.read(COLUMNS, part) for part in folder.parts()), number).to_pylist()
    return rows


def read_faces(source: Source, rows: Sequence[Row], side: int) -> list[Pixels | str]:
    """Return the crops, (side, side, 3) RGB, of faces (COLUMNS), or for each the reason why there is none.

    Only the inputs with these faces are read, but that a stream is read up to the last of them.
    """
    wanted: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        wanted.setdefault(row["index"], []).append(place)
    crops: list[Pixels | str] = ["not in the source any more"] * len(rows)
    for index, member in _members_at(source, wanted):
        for place in wanted[index]:
            crops[place] = _crop_of(member, rows[place], side)
    return crops


def _members_at(source: Source, wanted: Mapping[int, Any]) -> Iterator[tuple[int, Member]]:
    if isinstance(source, IndexedSource):
        for index in sorted(index for index in wanted if index < source.count()):
            yield index, next(source.rows(index, index + 1))
        return
    last = max(wanted, default=-1)
    for index, member in enumerate(source.members()):
        if index in wanted:
            yield index, member
        if index >= last:
            return


def _crop_of(member: Member, row: Row, side: int) -> Pixels | str:
    if member.data is None or hashlib.sha256(member.data).hexdigest() != row["image_id"]:
        return "changed since it was scored"
    try:
        pixels = decode(member.data, max_pixels=row["width"] * row["height"]).pixels  # as many as it had then
    except ImageError as error:
        return str(error.status)
    box = np.array([row[f"box_{name}"] for name in ("x", "y", "width", "height")], np.float32)
    params = CropParams(size=side, margin=0.3, scale="fit", border="black", reencode=None)  # to look at
    crop = crop_face(pixels, box, np.reshape(row["landmarks"], (5, 2)), params).rgb
    return np.ascontiguousarray(np.rot90(crop, -(row["rotation"] // 90)))
