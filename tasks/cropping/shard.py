"""Crop one shard of a data set into two Parquet files, once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from tasks.cropping.rows import face_rows, image_row
from tasks.detection.onepass import ImageResult, faces_of, shared_detector
from tasks.manifests.parts import Row, part_notes, write_part
from tasks.manifests.schemas import FACES, IMAGES, TABLES, shard_name, tables_name
from tasks.manifests.tables import is_table, table_row
from tasks.params import CropParams
from tasks.sources import Member, Shard
from tasks.sources.status import Status


@dataclass
class ShardCounts:
    """What became of a shard's inputs: how many, their statuses, the faces kept."""

    inputs: int = 0
    faces: int = 0
    status: Counter[str] = field(default_factory=Counter)

    def add(self, other: ShardCounts) -> None:
        """Add another shard's counts to these."""
        self.inputs += other.inputs
        self.faces += other.faces
        self.status.update(other.status)


@dataclass(frozen=True)
class CropJob:
    """What all shards of a data set share; `key` stands for everything that decides their content.

    `read` gives the bytes of a member whose shard does not carry them: a table beside the archives of a folder.
    """

    dataset: str
    folder: Path
    key: str
    crop: CropParams
    threads: int
    read: Callable[[str], bytes]


def crop_shard(job: CropJob, shard: Shard) -> ShardCounts:
    """Crop the shard's inputs; write its faces and tables, then its images: the last file vouches for the others."""
    images: list[Row] = []
    faces: list[Row] = []
    detector, members = shared_detector(job.crop), shard.read()
    tables = [table_row(member, job.read) for member in members if is_table(member)]
    results = faces_of(members, job.crop, job.crop.keep, detector, job.threads)
    for index, (member, result) in enumerate(zip(members, results, strict=True), start=shard.start):
        images.append(image_row(_table_or(result, member), job.dataset, index, member.annotations))
        faces.extend(face_rows(result, job.dataset))
    notes = {"key": job.key, "faces": str(len(faces)), "tables": str(len(tables))}
    write_part(job.folder / shard_name(shard.index), faces, FACES, {"key": job.key})
    if tables:
        write_part(job.folder / tables_name(shard.index), tables, TABLES, {"key": job.key})
    write_part(images_part(job.folder, shard.index), images, IMAGES, notes)
    return _counts(images, len(faces))


def finished_shard(job: CropJob, index: int) -> ShardCounts | None:
    """Return the counts of a shard that an earlier run finished with the same key, else None."""
    path = images_part(job.folder, index)
    images = part_notes(path)
    if images is None or images.get("key") != job.key:
        return None
    whole = _holds(job, shard_name(index), images.get("faces")) and (
        images.get("tables") == "0" or _holds(job, tables_name(index), images.get("tables"))
    )
    return _counts(pq.read_table(path, columns=["status"]).to_pylist(), int(images["faces"])) if whole else None


def _holds(job: CropJob, name: str, rows: str | None) -> bool:
    """Say whether a file of the job's key holds so many rows."""
    notes = part_notes(job.folder / name)
    return notes is not None and notes.get("key") == job.key and notes["rows"] == rows


def images_part(folder: Path, index: int) -> Path:
    """Return where a shard's image rows wait for the assembly."""
    return folder / f"images-{index:05d}.parquet"


def _table_or(result: ImageResult, member: Member) -> ImageResult:
    """Mark a table, which a label or group rule may read: it is no image, and no fault."""
    no_picture = result.status == Status.NOT_AN_IMAGE and is_table(member)
    return dataclasses.replace(result, status=Status.METADATA, error="") if no_picture else result


def _counts(images: Sequence[Row], faces: int) -> ShardCounts:
    return ShardCounts(inputs=len(images), faces=faces, status=Counter(row["status"] for row in images))
