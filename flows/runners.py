"""How shards run: a bounded number at a time through Prefect, with one progress bar."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, Protocol, Self, TypeVar, cast

import aiohttp
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.tasks import Task
from prefect.utilities.annotations import quote
from tqdm import tqdm

from tasks.params import RunnerParams
from tasks.sources import Shard


class Addable(Protocol):
    """Counts of one shard that add up to those of a source."""

    inputs: int

    def add(self, other: Self) -> None:
        """Add another shard's counts to these."""


P = ParamSpec("P")
R = TypeVar("R")
Job = TypeVar("Job")
Counts = TypeVar("Counts", bound=Addable)

# Two: the next shard decodes while the last one drains and is written. Each has its own threads inside.
SHARDS_IN_FLIGHT = 2
RETRY_DELAYS = [2.0, 10.0, 30.0]  # seconds


def threads_of(runner: RunnerParams) -> int:
    """Return the number of threads a shard may use: as set, else one per core that this process may run on."""
    return runner.workers or len(os.sched_getaffinity(0))


def shard_runner() -> TaskRunner[PrefectFuture[Any]]:
    """Return Prefect's runner for shards: threads, which share one copy of each network."""
    return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=SHARDS_IN_FLIGHT))


def as_task(work: Callable[P, R], name: str) -> Task[P, R]:
    """Wrap the one function of a stage: run once, its result neither cached nor stored, for DVC decides on that."""
    wrap = task(name=name, cache_policy=NO_CACHE, persist_result=False)
    return wrap(work)


def shard_task(work: Callable[[Job, Shard], Counts], name: str) -> Task[[Job, Shard], Counts]:
    """Wrap the function that does one shard: retried when the world was flaky, never when a retry cannot help."""
    wrap = task(
        name=name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=len(RETRY_DELAYS),
        retry_delay_seconds=RETRY_DELAYS,
        retry_jitter_factor=0.5,
        retry_condition_fn=is_transient,
    )
    return wrap(work)


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether a failed shard is worth another try: the network or a remote storage let it down."""
    try:
        state.result()
    except (ConnectionError, TimeoutError, aiohttp.ClientError):
        return True
    except Exception:  # noqa: BLE001 - whatever else it was, the same try would fail again
        return False
    return False


def run_shards(
    work: Task[[Job, Shard], Counts],
    job: Job,
    shards: Iterable[Shard],
    finished: Callable[[Job, int], Counts | None],
    total: Counts,
    progress: tqdm[Any],
) -> int:
    """Run `work` on every shard that is not finished yet, add all counts to `total`; returns the number of shards."""
    waiting: deque[PrefectFuture[Counts]] = deque()
    number = 0
    for shard in shards:
        number += 1
        done = finished(job, shard.index)
        if done is not None:
            _add(total, done, progress)
            continue
        if len(waiting) == SHARDS_IN_FLIGHT:
            _add(total, waiting.popleft().result(), progress)
        # Quoted: Prefect would search every image of a shard for results of other tasks.
        waiting.append(cast("Any", work).submit(quote(job), quote(shard)))
    for future in waiting:
        _add(total, future.result(), progress)
    return number


def _add(total: Counts, counts: Counts, progress: tqdm[Any]) -> None:
    total.add(counts)
    progress.update(counts.inputs)


def progress_bar(what: str, total: int | None) -> tqdm[Any]:
    """Return a progress bar over images on standard error; a line every ten seconds where that is no terminal."""
    interval = 0.5 if sys.stderr.isatty() else 10.0
    return tqdm(total=total, desc=what, unit=" images", file=sys.stderr, mininterval=interval, dynamic_ncols=True)
