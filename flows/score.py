"""Stage `score`: every archive's faces with their probability of being fake, as a Hive-partitioned Parquet data set."""

from __future__ import annotations

import functools
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import flow

from flows.comparison import compare_with_last
from flows.runners import open_runner, progress_bar, run_shards, shard_task
from flows.unrecorded import Sources
from flows.workspace import DOWNLOADS, FINGERPRINTS, MODEL, REPORTS
from tasks.params import ArchiveParams, FauxfaceError, Params, load_params
from tasks.scoring.archive import require_unchanged, score_job, starting
from tasks.scoring.card import ModelCard, is_packaged, model_named
from tasks.scoring.card_text import notices
from tasks.scoring.counts import ScoreCounts, unread
from tasks.scoring.ledger import Scoring, change_of_source, last_complete, read_scoring
from tasks.scoring.model import ModelPlace, card_at
from tasks.scoring.naming import archive_of
from tasks.scoring.record import Finished, Started, begin, finish, read_finished, without_secrets
from tasks.scoring.shard import finished_shards, score_once
from tasks.scoring.store import ScoreFolder, ScoreStore
from tasks.scoring.text import unread_line
from tasks.sources import Source, open_source
from tasks.sources.fingerprints import fingerprint_of
from tasks.timings import write_report


@flow(name="score")
def score(
    params_file: Path, model: str | None, out: str, sources: Sources, retry_failed: bool = False
) -> dict[str, Any]:
    """Score `sources`, or else the archives named in params, with the model in the folder `model`.

    `model` (see `model_named`) and `out` are paths or URLs; scores go to
    <out>/model=<id>/archive=<name>-<fingerprint>/part-*.parquet. The archives named in params are also counted in
    reports/score.json. Parts that are already there are kept: a killed scoring goes on where it stopped, a complete one
    is recognised. With `retry_failed` failed inputs are scored again.
    A new scoring is compared with the last one of its archive; `alarms` has those that moved beyond `score.compare`.
    `failed` says what is wrong with archives that could not be scored, or of which nothing could be read.
    """
    params = load_params(params_file)
    archives = [archive_of(source) for source in sources.named] or list(params.score.archives.values())
    if not archives:
        raise FauxfaceError(f"{params_file}: score.archives names none, and no source was given.")
    url = model_named(model, MODEL)
    card = card_at(url)
    scoring = functools.partial(
        _score_archive, params=params, model=ModelPlace.of(url, card), card=card, out=out, retry=retry_failed
    )
    scored, failed = _each(dict(zip(labels(archives), archives, strict=True)), scoring)
    rule = params.score.threshold
    summary = {
        "model_id": card.model_id,
        "threshold": card.threshold_by(rule),
        "threshold_rule": rule,
        "notices": notices(card, packaged=is_packaged(url)),
        "archives": scored,
        "failed": failed,
    }
    if not sources.named:
        write_report(REPORTS, "score", summary)
    alarms = [name for name, metrics in scored.items() if metrics.get("comparison", {}).get("alarm")]
    return {**summary, "alarms": alarms}


def labels(archives: Sequence[ArchiveParams]) -> list[str]:
    """Return what the summary calls each archive: its name, or its source where two have one name (a.zip, a.tar)."""
    names = Counter(archive.name for archive in archives)
    return [archive.name if names[archive.name] == 1 else archive.source for archive in archives]


def _each(
    archives: Mapping[str, ArchiveParams], score_one: Callable[[ArchiveParams], dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Score all archives; returns what became of each, and what is wrong with those that failed, in words.

    One of several that cannot be scored does not stop the others; a single one raises its error.
    """
    scored, failed = dict[str, dict[str, Any]](), dict[str, str]()
    for label, archive in archives.items():
        try:
            scored[label] = score_one(archive)
        except (FauxfaceError, ConnectionError, TimeoutError) as error:
            if len(archives) == 1:
                raise
            failed[label] = str(error) or type(error).__name__
            continue
        if unread(scored[label]["status"]):
            failed[label] = unread_line(without_secrets(archive.source), scored[label])
    return scored, failed


def _score_archive(
    archive: ArchiveParams, params: Params, model: ModelPlace, card: ModelCard, out: str, retry: bool
) -> dict[str, Any]:
    """Score one archive, unless that is done already; returns what reports/score.json says of it."""
    given = {"sha256": archive.sha256, "encoding": archive.encoding}
    opening = functools.cache(functools.partial(open_source, archive.source, cache=DOWNLOADS, **given))
    fingerprint = fingerprint_of(archive.source, archive.sha256, opening, FINGERPRINTS)
    store = ScoreStore(out)
    folder = store.folder(card.model_id, f"{archive.name}-{fingerprint[:12]}")
    start = starting(archive, folder, fingerprint, card, params.score)
    last = last_complete(store, start, folder)
    _say_change(last, start)
    record = read_finished(folder)
    fresh = record is None or record.key != start.key or (retry and record.failures > 0)
    if record is None or fresh:
        start = start.model_copy(update={"expected": opening().count()})
        record = _run(start, folder, opening(), params, model, card, retry)
        require_unchanged(archive, folder, fingerprint, FINGERPRINTS)
        finish(folder, record)
    summary = record.summary(folder.url)
    if last is not None:
        summary["comparison"] = compare_with_last(last, read_scoring(folder), params.score.compare, fresh=fresh)
    return summary


def _run(
    start: Started, folder: ScoreFolder, source: Source, params: Params, model: ModelPlace, card: ModelCard, retry: bool
) -> Finished:
    """Score what is not scored yet, and count all of it."""
    clock = time.monotonic()
    folder.remove_temp_files()
    start = begin(folder, start)
    settings = params.score
    counts, kept = ScoreCounts(), ScoreCounts()
    with open_runner(params.runner) as runner, progress_bar(f"score {start.name}", start.expected) as bar:
        job = score_job(start, folder, model, card, settings, params.crop, runner.threads, retry=retry)
        done = finished_shards(job)
        for part in done.values():
            kept.add(part)
        work = shard_task(score_once, "score-shard")
        shards = run_shards(runner, work, job, source.shards(settings.shard), done.get, counts, bar)
    folder.remove_temp_files()  # of workers that were lost
    return Finished.of(start, counts, shards, counts.inputs - kept.inputs, time.monotonic() - clock)


def _say_change(last: Scoring | None, start: Started) -> None:
    changed = last and change_of_source(last, start.fingerprint, start.source)
    if changed:
        print(f"fauxface: {changed}", file=sys.stderr, flush=True)  # noqa: T201
