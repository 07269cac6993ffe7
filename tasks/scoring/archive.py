"""Score one archive from its start to its end: in one process here; flows/score.py does it with a runner of shards."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

from tasks.params import ArchiveParams, CropParams, FauxfaceError, ScoreParams
from tasks.scoring.card import ModelCard
from tasks.scoring.counts import ScoreCounts
from tasks.scoring.model import ModelPlace
from tasks.scoring.naming import lies_at
from tasks.scoring.record import Finished, Started, abandon, begin, finish, now, read_finished
from tasks.scoring.shard import ScoreJob, finished_shards, score_key, score_once
from tasks.scoring.store import ScoreFolder, ScoreStore
from tasks.sources import open_source
from tasks.sources.fingerprints import fingerprint_of
from tasks.sources.location import is_local


def score_archive(
    archive: ArchiveParams, model: ModelPlace, card: ModelCard, out: str, settings: ScoreParams, limits: CropParams
) -> ScoreFolder:
    """Score an archive in this process, shard after shard, and return the folder of its scores.

    What is there already is kept, as in the flow. `limits.max_pixels` bounds the pictures. Raises FauxfaceError.
    """
    opening = partial(open_source, archive.source, sha256=archive.sha256, encoding=archive.encoding)
    fingerprint = fingerprint_of(archive.source, archive.sha256, opening, None)
    folder = ScoreStore(out).folder(card.model_id, f"{archive.name}-{fingerprint[:12]}").absolute()
    start = starting(archive, folder, fingerprint, card, settings)
    done = read_finished(folder)
    if done is not None and done.key == start.key:
        return folder
    clock = time.monotonic()
    start = begin(folder, start)
    job = score_job(start, folder, model, card, settings, limits, len(os.sched_getaffinity(0)))
    counts, scored, shards = ScoreCounts(), 0, 0
    finished = finished_shards(job)
    with opening() as source:
        for shard in source.shards(settings.shard):
            known = finished.get(shard.index)
            found = known or score_once(job, shard)
            counts.add(found)
            scored += 0 if known else found.inputs
            shards += 1
    require_unchanged(archive, folder, fingerprint, None)
    finish(folder, Finished.of(start, counts, shards, scored, time.monotonic() - clock))
    return folder


def starting(
    archive: ArchiveParams, folder: ScoreFolder, fingerprint: str, card: ModelCard, settings: ScoreParams
) -> Started:
    """Return the note of a scoring that begins now."""
    return Started(
        key=score_key(fingerprint, card.model_id, settings, archive.encoding),
        fingerprint=fingerprint,
        model_id=card.model_id,
        archive=folder.archive,
        name=archive.name,
        source=lies_at(archive.source),
        threshold=card.threshold_by(settings.threshold),
        params=settings.recipe(),
        started=now(),
    )


def score_job(
    start: Started, folder: ScoreFolder, model: ModelPlace, card: ModelCard, settings: ScoreParams,
    limits: CropParams, threads: int, *, retry: bool = False,
) -> ScoreJob:  # fmt: skip
    """Return what all shards share: the model crops as it was trained, within this run's limit of pixels."""
    crop = card.crop.model_copy(update={"max_pixels": limits.max_pixels})
    return ScoreJob(
        start.archive, folder.absolute(), start.key, model, crop, settings.keep, threads,
        settings.verdict, settings.threshold, settings.precision, retry,
    )  # fmt: skip


def require_unchanged(archive: ArchiveParams, folder: ScoreFolder, fingerprint: str, notes: Path | None) -> None:
    """Raise FauxfaceError, and drop the scores, where a local source is no longer what it was at the beginning."""
    opening = partial(open_source, archive.source, sha256=archive.sha256)
    if is_local(archive.source) and fingerprint_of(archive.source, archive.sha256, opening, notes) != fingerprint:
        abandon(folder)
        raise FauxfaceError(
            f"{archive.source}: changed while it was scored, so its scores were dropped. Score it again when nobody "
            "writes to it."
        )
