"""Stage `score`: every archive's faces with their probability of being fake, as a Hive-partitioned Parquet data set."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow

from flows.runners import progress_bar, run_shards, shard_runner, shard_task, threads_of
from flows.workspace import DOWNLOADS, REPORTS
from tasks.params import ArchiveParams, FauxfaceError, Params, load_params
from tasks.params.files import write_json
from tasks.scoring.classifier import Classifier
from tasks.scoring.counts import ScoreCounts
from tasks.scoring.shard import ScoreJob, finished_shard, remove_other_parts, score_key, score_shard
from tasks.scoring.store import ScoreFolder, ScoreStore
from tasks.sources import open_source


@flow(name="score", task_runner=shard_runner())
def score(params_file: Path, model: Path, out: str, sources: Sequence[str] = ()) -> dict[str, Any]:
    """Score `sources`, or else the archives named in params, with the model in the folder `model`.

    `out` is a path or URL; scores go to <out>/model=<id>/archive=<name>-<fingerprint>/part-*.parquet. The archives
    named in params are also counted in reports/score.json. Parts that are already there are kept: a killed scoring
    goes on where it stopped.
    """
    params = load_params(params_file)
    archives = [archive_of(source) for source in sources] or list(params.score.archives.values())
    if not archives:
        raise FauxfaceError(f"{params_file}: score.archives names none, and no source was given.")
    classifier = Classifier.load(model, threads_of(params.runner))
    summary = {
        "model_id": classifier.card.model_id,
        "threshold": classifier.card.threshold,
        "archives": {archive.name: _score_archive(archive, params, classifier, out) for archive in archives},
    }
    if not sources:
        write_json(REPORTS / "score.json", summary)
    return summary


def archive_of(source: str) -> ArchiveParams:
    """Name an archive that was given on the command line after its file."""
    stem = re.sub(r"\.(zip|tar|tar\.gz|tgz|tar\.zst|parquet)$", "", Path(source.rstrip("/")).name, flags=re.IGNORECASE)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")[:64]
    return ArchiveParams(name=name or "archive", source=source)


def _score_archive(archive: ArchiveParams, params: Params, classifier: Classifier, out: str) -> dict[str, Any]:
    started = time.monotonic()
    source = open_source(archive.source, sha256=archive.sha256, cache=DOWNLOADS)
    fingerprint = source.fingerprint()
    label = f"{archive.name}-{fingerprint[:12]}"
    folder = ScoreStore(out).folder(classifier.card.model_id, label)
    folder.remove_temp_files()
    key = score_key(fingerprint, classifier.card.model_id, params.score)
    crop, threads = classifier.card.crop, threads_of(params.runner)
    job = ScoreJob(label, folder, key, classifier, crop, params.score.keep, threads, params.score.verdict)
    counts = ScoreCounts()
    with progress_bar(f"score {archive.name}", source.count()) as bar:
        shards = run_shards(
            shard_task(score_shard, "score-shard"), job, source.shards(params.score.shard), finished_shard, counts, bar
        )
    remove_other_parts(folder, shards)
    return _metrics(archive, folder, counts, time.monotonic() - started)


def _metrics(archive: ArchiveParams, folder: ScoreFolder, counts: ScoreCounts, seconds: float) -> dict[str, Any]:
    if counts.inputs != sum(counts.status.values()):
        raise RuntimeError(
            f"{archive.source}: {counts.inputs} inputs, statuses {counts.status}: the count does not close"
        )
    return {
        "scores": folder.url,
        "inputs": counts.inputs,
        "status": dict(sorted(counts.status.items())),
        "faces": counts.faces,
        "fake_faces": counts.fake_faces,
        "fake_images": counts.fake_images,
        "histogram": counts.histogram,
        "seconds": round(seconds, 2),
        "images_per_second": round(counts.inputs / seconds, 1),
    }
