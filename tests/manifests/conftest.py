"""Small tables of faces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.manifests.parts import write_part
from tasks.manifests.schemas import FACES, IMAGES, LABELS, TABLES, shard_name, tables_name
from tasks.params import DatasetParams
from tasks.sources.annotations import FILE_KEY

Row = dict[str, Any]
Faces = Callable[[Sequence[Row]], pa.Table]
# The rules by which the faces that `write_faces` writes have the labels and groups of their table.
RULES: Row = {"label": {"rule": "column"}, "group": {"rule": "column"}}


@pytest.fixture(scope="session")
def face_table() -> Faces:
    """A function from rows (dataset, name and what differs from the defaults) to a table of faces with their places."""
    return table_of


@pytest.fixture(scope="session")
def dataset() -> Callable[..., DatasetParams]:
    """A function from name and use to the settings of a data set."""
    return lambda name, use="split", **rules: DatasetParams(
        name=name, source=f"/somewhere/{name}.zip", use=use, **{**RULES, **rules}
    )


@pytest.fixture(scope="session")
def write_faces() -> Callable[[Path, pa.Table, int], None]:
    """A function that writes a table of faces into a folder of data sets, in shards of so many rows."""
    return write_shards


def unlike(name: str) -> bytes:
    """Return a hash that is near to no other name's."""
    return hashlib.sha256(name.encode()).digest()


def flipped(phash: bytes, bits: Sequence[int]) -> bytes:
    """Return `phash` with the given bits inverted."""
    spread = np.unpackbits(np.frombuffer(phash, np.uint8))
    spread[list(bits)] ^= 1
    return np.packbits(spread).tobytes()


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Return a table of faces; rows without a place get the next free one of their data set, all in shard 0."""
    counts: dict[str, int] = {}
    full = []
    for row in rows:
        image = unlike(f"image {row['name']}").hex()
        place = counts[row["dataset"]] = counts.get(row["dataset"], -1) + 1
        defaults = {
            "face_id": f"{row.get('image_id', image)}#0",
            "image_id": image,
            "member": f"{row['name']}.jpg",
            "shard": 0,
            "row": place,
            "label": 0,
            "group": None,
            "split_given": None,
            "phash": unlike(f"picture {row['name']}"),
        }
        full.append({**defaults, **row})
    return pa.table({name: pa.array([row[name] for row in full], _type(name)) for name in _COLUMNS})


_COLUMNS = ["face_id", "image_id", "dataset", "member", "shard", "row", "label", "group", "split_given", "phash"]


def _type(name: str) -> pa.DataType:
    if name in {"shard", "row"}:
        return pa.int32()
    return (LABELS if name in LABELS.names else FACES).field(name).type


def write_shards(root: Path, faces: pa.Table, size: int) -> None:
    """Write each data set of `faces` as the crop stage does, each face from a file of its own.

    Label, group and given split become annotations, which RULES read.
    """
    for name in set(faces["dataset"].to_pylist()):
        own = faces.filter(pa.compute.equal(faces["dataset"], name))
        write_images(root / name, [_image(row) for row in own.to_pylist()])
        for shard in range((own.num_rows + size - 1) // size):
            part = own.slice(shard * size, size)
            columns = [_column(part, field) for field in FACES]
            pq.write_table(pa.Table.from_arrays(columns, schema=FACES), root / name / shard_name(shard))


def write_images(folder: Path, images: Sequence[Row], tables: Mapping[str, str] | None = None) -> None:
    """Write the images of a data set, and the tables of its dump."""
    defaults = {"status": "ok", "error": "", "n_faces": 1, "dataset": folder.name}
    rows = [{**dict.fromkeys(IMAGES.names), **defaults, "index": n, **row} for n, row in enumerate(images)]
    write_part(folder / "images.parquet", rows, IMAGES, {})
    if tables:
        kept = [{"member": member, "data": text.encode()} for member, text in tables.items()]
        write_part(folder / tables_name(0), kept, TABLES, {})


def _image(row: Row) -> Row:
    said = {"label": {0: "real", 1: "fake"}.get(row["label"]), "group": row["group"] or ""}
    file = row["split_given"] and f"{row['split_given']}.parquet"
    found = {name: text for name, text in {**said, FILE_KEY: file}.items() if text is not None}
    return {"member": row["member"], "image_id": row["image_id"], "annotations": json.dumps(found)}


def _column(part: pa.Table, field: pa.Field) -> pa.Array:
    if field.name in part.column_names:
        return part[field.name].cast(field.type).combine_chunks()
    if field.name == "image":  # of every file other pixels
        crops = [{"bytes": f"pixels of {name}".encode(), "path": None} for name in part["face_id"].to_pylist()]
        return pa.array(crops, field.type)
    if field.name == "face_index":
        return pa.array(np.zeros(part.num_rows), pa.int32())
    return pa.nulls(part.num_rows, field.type)
