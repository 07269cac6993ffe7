"""Small tables of faces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.manifests.schemas import FACES, IMAGES, shard_name
from tasks.params import DatasetParams

Row = dict[str, Any]
Faces = Callable[[Sequence[Row]], pa.Table]


@pytest.fixture(scope="session")
def face_table() -> Faces:
    """A function from rows (dataset, name and what differs from the defaults) to a table of faces with their places."""
    return table_of


@pytest.fixture(scope="session")
def dataset() -> Callable[..., DatasetParams]:
    """A function from name and use to the settings of a data set."""
    return lambda name, use="split", **rules: DatasetParams(
        name=name, source=f"/somewhere/{name}.zip", use=use, **rules
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
    return pa.int32() if name in {"shard", "row"} else FACES.field(name).type


def write_shards(root: Path, faces: pa.Table, size: int) -> None:
    """Write each data set of `faces` as the crop stage does; images are left empty."""
    for name in set(faces["dataset"].to_pylist()):
        own = faces.filter(pa.compute.equal(faces["dataset"], name))
        (root / name).mkdir(parents=True)
        pq.write_table(IMAGES.empty_table(), root / name / "images.parquet")
        for shard in range((own.num_rows + size - 1) // size):
            part = own.slice(shard * size, size)
            columns = [_column(part, field) for field in FACES]
            pq.write_table(pa.Table.from_arrays(columns, schema=FACES), root / name / shard_name(shard))


def _column(part: pa.Table, field: pa.Field) -> pa.Array:
    if field.name in part.column_names:
        return part[field.name].cast(field.type).combine_chunks()
    if field.name == "face_index":
        return pa.array(np.zeros(part.num_rows), pa.int32())
    return pa.nulls(part.num_rows, field.type)
