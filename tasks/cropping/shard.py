"""Crop one shard of a data set into two Parquet files, once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from tasks.cropping.rows import face_rows, image_row
from tasks.detection.onepass import ImageResult, faces_of, shared_detector
from tasks.manifests.labelling import Labeller
from tasks.manifests.parts import Row, part_notes, write_part
from tasks.manifests.schemas import FACES, IMAGES, shard_name
from tasks.params import CropParams
from tasks.sources import Shard
from tasks.sources.status import Status


@dataclass
class ShardCounts:
    """What became of a shard's inputs: how many, their statuses, the faces kept, the labels of those with a face."""

    inputs: int = 0
    faces: int = 0
    status: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, other: ShardCounts) -> None:
        """Add another shard's counts to these."""
        self.inputs += other.inputs
        self.faces += other.faces
        self.status.update(other.status)
        self.labels.update(other.labels)


@dataclass(frozen=True)
class CropJob:
    """What all shards of a data set share; `key` stands for everything that decides their content."""

    dataset: str
    folder: Path
    key: str
    labeller: Labeller
    crop: CropParams
    threads: int


def crop_shard(job: CropJob, shard: Shard) -> ShardCounts:
    """Crop the shard's inputs; write its faces, then its images: the second file vouches for the first."""
    images: list[Row] = []
    faces: list[Row] = []
    detector = shared_detector(job.crop)
    results = faces_of(shard.read(), job.crop, job.crop.keep, detector, job.threads)
    for index, result in enumerate(results, start=shard.start):
        labels = job.labeller.of(result.member)
        images.append(image_row(_metadata_or(result, job), job.dataset, index, labels))
        faces.extend(face_rows(result, job.dataset, labels))
    write_part(job.folder / shard_name(shard.index), faces, FACES, {"key": job.key})
    write_part(images_part(job.folder, shard.index), images, IMAGES, {"key": job.key, "faces": str(len(faces))})
    return _counts(images, len(faces))


def finished_shard(job: CropJob, index: int) -> ShardCounts | None:
    """Return the counts of a shard that an earlier run finished with the same key, else None."""
    path = images_part(job.folder, index)
    images, faces = part_notes(path), part_notes(job.folder / shard_name(index))
    if images is None or faces is None or images.get("key") != job.key or faces.get("key") != job.key:
        return None
    if images.get("faces") != faces["rows"]:
        return None
    return _counts(pq.read_table(path, columns=["status", "label"]).to_pylist(), int(faces["rows"]))


def images_part(folder: Path, index: int) -> Path:
    """Return where a shard's image rows wait for the assembly."""
    return folder / f"images-{index:05d}.parquet"


def _metadata_or(result: ImageResult, job: CropJob) -> ImageResult:
    """Mark the CSV file that a label or group rule reads: it is no image, and no fault."""
    return (
        dataclasses.replace(result, status=Status.METADATA, error="")
        if job.labeller.is_metadata(result.member)
        else result
    )


def _counts(images: Sequence[Row], faces: int) -> ShardCounts:
    usable = [row for row in images if row["status"] == Status.OK]
    names = {0: "real", 1: "fake", None: "none"}
    return ShardCounts(
        inputs=len(images),
        faces=faces,
        status=Counter(row["status"] for row in images),
        labels=Counter(names[row["label"]] for row in usable),
    )
