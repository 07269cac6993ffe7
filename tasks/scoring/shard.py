"""Score one shard of an archive into one Parquet part, once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from tasks.detection.onepass import ImageResult, faces_of, shared_detector
from tasks.manifests.parts import Row
from tasks.params import CropParams, ScoreParams
from tasks.params.models import Precision, ThresholdRule, Verdict
from tasks.scoring.counts import ScoreCounts, count_rows
from tasks.scoring.memory import return_large_blocks
from tasks.scoring.model import ModelPlace, shared_classifier
from tasks.scoring.rows import score_rows
from tasks.scoring.store import ScoreFolder
from tasks.sources import Member, Shard
from tasks.sources.status import NO_FAILURES

# Raise it when a change of the code changes what a part holds.
SCORE_FORMAT = 7
LOOKUPS = 16
IMAGES_PER_BATCH = 64  # classified together: enough to fill the network, little enough to hold in memory


@dataclass(frozen=True)
class ScoreJob:
    """What all shards of a scoring share; `key` stands for everything that decides their content.

    With `retry`, a part that holds failed inputs is not finished, and of its inputs only those are scored again.
    """

    archive: str
    folder: ScoreFolder
    key: str
    model: ModelPlace
    crop: CropParams
    keep: str
    threads: int
    verdict: Verdict = "max"
    threshold: ThresholdRule = "balanced"
    precision: Precision = "f32"
    retry: bool = False


def score_key(fingerprint: str, model_id: str, score: ScoreParams, encoding: str | None = None) -> str:
    """Return what the content of an archive's parts depends on, as a short hash (the model's id covers the crop).

    `encoding` is that of the archive's names, which decides what its members are called.
    """
    facts = [SCORE_FORMAT, fingerprint, model_id, score.recipe(), *([encoding] if encoding else [])]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def score_once(job: ScoreJob, shard: Shard) -> ScoreCounts:
    """Score a shard unless its part is there: a worker may be lost after it wrote the part and before it said so."""
    return finished_shard(job, shard.index) or score_shard(job, shard)


def score_shard(job: ScoreJob, shard: Shard) -> ScoreCounts:
    """Score the shard's inputs and write its part, all of it or nothing."""
    return_large_blocks()
    kept = _successes(job, shard.index) if job.retry else []
    done = {row["index"] for row in kept}
    indices = [index for index in range(shard.start, shard.stop) if index not in done]
    members = shard.pick([index - shard.start for index in indices]) if done else shard.read()
    rows = sorted([*kept, *_scored(job, indices, members)], key=lambda row: int(row["index"]))
    counts = count_rows(rows)
    job.folder.write_part(shard.index, rows, {"key": job.key, "counts": counts.to_json()})
    return counts


def finished_shards(job: ScoreJob) -> dict[int, ScoreCounts]:
    """Return the counts of all parts that need nothing done, by index; a remote store is asked for many at a time."""
    indices = job.folder.parts()
    with ThreadPoolExecutor(LOOKUPS) as pool:
        counts = pool.map(lambda index: finished_shard(job, index), indices)
        return {index: found for index, found in zip(indices, counts, strict=True) if found is not None}


def finished_shard(job: ScoreJob, index: int) -> ScoreCounts | None:
    """Return the counts of a part that needs nothing done, since an earlier run finished it with the same key."""
    notes = job.folder.notes(index)
    if notes is None or notes.get("key") != job.key:
        return None
    counts = ScoreCounts.from_json(notes["counts"])
    return None if job.retry and counts.failures else counts


def _successes(job: ScoreJob, index: int) -> list[Row]:
    """Return the rows of the inputs that did not fail, from a part of this scoring that is there already."""
    notes = job.folder.notes(index)
    if notes is None or notes.get("key") != job.key:
        return []
    return [row for row in job.folder.read(index=index).to_pylist() if row["status"] in NO_FAILURES]


def _scored(job: ScoreJob, indices: Sequence[int], members: Sequence[Member]) -> Iterator[Row]:
    detector = shared_detector(job.crop)
    results = faces_of(members, job.crop, job.keep, detector, job.threads)
    classifier = shared_classifier(job.model, job.threads, job.precision)
    places = iter(indices)
    for batch in _batches(results):
        here = list(islice(places, len(batch)))
        yield from score_rows(batch, here, job.archive, classifier, job.verdict, job.threshold)


def _batches(results: Iterable[ImageResult]) -> Iterator[list[ImageResult]]:
    stream = iter(results)
    while batch := list(islice(stream, IMAGES_PER_BATCH)):
        yield batch
