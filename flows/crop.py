"""Stage `crop`: the faces of one data set, as Parquet shards."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import flow

from flows.runners import open_runner, progress_bar, run_shards, shard_task
from flows.workspace import CROP_STATE, DOWNLOADS, FACES, FINGERPRINTS, REPORTS
from tasks.cropping.assemble import assemble, crop_key, open_state
from tasks.cropping.shard import CropJob, ShardCounts, crop_shard, finished_shard
from tasks.manifests.reading import READING, reading
from tasks.params import DatasetParams, FauxfaceError, Params, load_params
from tasks.params.files import remove_temp_files
from tasks.sources import Source, open_source
from tasks.sources.fingerprints import fingerprint_of
from tasks.sources.location import is_local
from tasks.timings import write_report


@flow(name="crop", flow_run_name="crop-{dataset}")
def crop(dataset: str, params_file: Path) -> dict[str, Any]:
    """Crop a data set into data/faces/<dataset>/ and count its inputs in reports/crop/<dataset>.json."""
    params = load_params(params_file)
    settings = _dataset(params, dataset, params_file)
    source = open_source(settings.source, sha256=settings.sha256, cache=DOWNLOADS, encoding=settings.encoding)
    job = _job(settings, params, source)
    counts, started = ShardCounts(), time.monotonic()
    work = shard_task(crop_shard, "crop-shard")
    with open_runner(params.runner) as runner, progress_bar(f"crop {dataset}", source.count()) as bar:
        job = dataclasses.replace(job, threads=runner.threads)
        done = functools.partial(finished_shard, job)
        shards = run_shards(runner, work, job, source.shards(params.crop.shard), done, counts, bar)
    if counts.inputs == 0:
        raise FauxfaceError(f"{settings.source}: holds no files. Check datasets.{dataset}.source in {params_file}.")
    _check_unchanged(settings, params, job)
    if params.runner.kind != "threads":
        _check_arrived(job, shards)
    rows = assemble(job.folder, shards, FACES / dataset, {READING: reading(settings)})
    metrics = _metrics(settings, counts, rows, time.monotonic() - started)
    write_report(REPORTS, f"crop/{dataset}", metrics)
    return metrics


def _dataset(params: Params, name: str, params_file: Path) -> DatasetParams:
    if name not in params.require_datasets(params_file):
        raise FauxfaceError(f"{params_file}: has no data set {name!r}; it names {', '.join(params.datasets)}.")
    return params.datasets[name]


def _job(settings: DatasetParams, params: Params, source: Source) -> CropJob:
    key = crop_key(settings, params.crop, _fingerprint(settings, lambda: source))
    folder = open_state(CROP_STATE, settings.name, key).absolute()  # a cluster's workers run elsewhere
    remove_temp_files(folder)
    return CropJob(settings.name, folder, key, params.crop, 1, source.read)


def _fingerprint(settings: DatasetParams, opening: Callable[[], Source]) -> str:
    return fingerprint_of(settings.source, settings.sha256, opening, FINGERPRINTS)


def _check_unchanged(settings: DatasetParams, params: Params, job: CropJob) -> None:
    """Raise FauxfaceError, and drop the shards, where a local source is no longer what it was at the beginning."""
    opening = functools.partial(open_source, settings.source, sha256=settings.sha256, cache=DOWNLOADS)
    if is_local(settings.source) and crop_key(settings, params.crop, _fingerprint(settings, opening)) != job.key:
        shutil.rmtree(job.folder)
        raise FauxfaceError(
            f"{settings.source}: changed while it was cropped, so its crops were dropped. Crop it again when nobody "
            "writes to it."
        )


def _check_arrived(job: CropJob, shards: int) -> None:
    """Raise FauxfaceError where a worker of a cluster wrote its shard into a folder that is not seen here."""
    missing = sum(finished_shard(job, index) is None for index in range(shards))
    if missing:
        raise FauxfaceError(
            f"{job.folder}: {missing} of {shards} shards that the cluster finished are not there. Its workers write "
            "their shards into the workspace: put it on storage that all of them reach under the same path."
        )


def _metrics(settings: DatasetParams, counts: ShardCounts, rows: int, seconds: float) -> dict[str, Any]:
    if rows != counts.inputs or rows != sum(counts.status.values()):
        raise RuntimeError(f"{settings.name}: {counts.inputs} inputs, {rows} rows: the count does not close")
    return {
        "dataset": settings.name,
        "inputs": counts.inputs,
        "faces": counts.faces,
        "status": dict(sorted(counts.status.items())),
        "seconds": round(seconds, 2),
        "images_per_second": round(counts.inputs / seconds, 1),
    }
