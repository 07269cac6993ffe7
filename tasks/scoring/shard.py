"""Score one shard of an archive into one Parquet part, once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from tasks.detection.onepass import ImageResult, faces_of, shared_detector
from tasks.manifests.parts import Row
from tasks.params import CropParams, ScoreParams
from tasks.scoring.classifier import Classifier
from tasks.scoring.rows import score_rows
from tasks.scoring.store import ScoreFolder
from tasks.sources import Shard

# Raise it when a change of the code changes what a part holds.
SCORE_FORMAT = 1
IMAGES_PER_BATCH = 64  # classified together: enough to fill the network, little enough to hold in memory


@dataclass
class ScoreCounts:
    """What became of an archive's inputs: images by status, rows, faces, faces and images called fake."""

    inputs: int = 0
    faces: int = 0
    fake_faces: int = 0
    fake_images: int = 0
    status: Counter[str] = field(default_factory=Counter)

    def add(self, other: ScoreCounts) -> None:
        """Add another shard's counts to these."""
        self.inputs += other.inputs
        self.faces += other.faces
        self.fake_faces += other.fake_faces
        self.fake_images += other.fake_images
        self.status.update(other.status)


@dataclass(frozen=True)
class ScoreJob:
    """What all shards of a scoring share; `key` stands for everything that decides their content."""

    archive: str
    folder: ScoreFolder
    key: str
    classifier: Classifier
    crop: CropParams
    keep: str
    threads: int


def score_key(fingerprint: str, model_id: str, score: ScoreParams) -> str:
    """Return what the content of an archive's parts depends on, as a short hash (the model's id covers the crop)."""
    facts = [SCORE_FORMAT, fingerprint, model_id, score.keep, score.shard]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def score_shard(job: ScoreJob, shard: Shard) -> ScoreCounts:
    """Score the shard's inputs and write its part."""
    detector = shared_detector(job.crop.min_face, job.crop.thresholds)
    results = faces_of(shard.read(), job.crop, job.keep, detector, job.threads)
    rows: list[Row] = []
    counts = ScoreCounts()
    for batch in _batches(results):
        scored = score_rows(batch, job.archive, job.classifier)
        rows.extend(scored)
        counts.add(_counts(batch, scored))
    notes = {"key": job.key, "counts": json.dumps(counts.__dict__)}
    job.folder.write_part(shard.index, rows, notes)
    return counts


def finished_shard(job: ScoreJob, index: int) -> ScoreCounts | None:
    """Return the counts of a part that an earlier run finished with the same key, else None."""
    notes = job.folder.notes(index)
    if notes is None or notes.get("key") != job.key:
        return None
    return ScoreCounts(**{**json.loads(notes["counts"]), "status": Counter(json.loads(notes["counts"])["status"])})


def remove_other_parts(folder: ScoreFolder, shards: int) -> None:
    """Remove parts beyond the last shard: what is left of a scoring with smaller shards."""
    for index in folder.parts():
        if index >= shards:
            folder.remove_part(index)


def _batches(results: Iterable[ImageResult]) -> Iterator[list[ImageResult]]:
    stream = iter(results)
    while batch := list(islice(stream, IMAGES_PER_BATCH)):
        yield batch


def _counts(batch: list[ImageResult], rows: list[Row]) -> ScoreCounts:
    """Count a batch; members may share a path, so images are told apart by their place, not by their name."""
    verdicts = iter(rows)
    fake_images = 0
    for result in batch:
        of_image = list(islice(verdicts, max(1, len(result.faces))))
        fake_images += any(row["is_fake"] for row in of_image)
    faces = [row for row in rows if row["face_index"] is not None]
    return ScoreCounts(
        inputs=len(batch),
        faces=len(faces),
        fake_faces=sum(row["is_fake"] for row in faces),
        fake_images=fake_images,
        status=Counter(str(result.status) for result in batch),
    )
