"""How shards run: a bounded number at a time through one of Prefect's task runners, with one progress bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, ParamSpec, Protocol, Self, TypeVar, cast

import aiohttp
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task
from tqdm import tqdm

from flows.shard_runner import SHARDS_IN_FLIGHT, ShardRunner, Tasks
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

# A stream's shards carry their bytes; those of the shards handed over stay below this.
BYTES_IN_FLIGHT = 1 << 30
RETRY_DELAYS = [2.0, 10.0, 30.0]  # seconds


@contextmanager
def open_runner(settings: RunnerParams) -> Iterator[ShardRunner]:
    """Yield the runner that the settings name; raises FauxfaceError when there is no such cluster, or it is lost."""
    if settings.kind == "threads":
        with open_threads(threads_of(settings)) as runner:
            yield runner
    else:
        from flows.clusters import open_cluster  # only now: Dask and Ray are extras

        with open_cluster(settings) as runner:
            yield runner


@contextmanager
def open_threads(threads: int) -> Iterator[ShardRunner]:
    """Yield a runner of shards in this process, which share one copy of each network; `threads` for each shard."""
    with ThreadPoolTaskRunner[Any](max_workers=SHARDS_IN_FLIGHT) as tasks:
        yield ShardRunner(cast("Tasks", tasks), threads, lambda: SHARDS_IN_FLIGHT)


def threads_of(runner: RunnerParams) -> int:
    """Return how many threads to use on this machine: as set, else one per core that this process may run on."""
    here = runner.workers if runner.kind == "threads" else 0
    return here or len(os.sched_getaffinity(0))


def as_task(work: Callable[P, R], name: str) -> Task[P, R]:
    """Wrap the one function of a stage: run once, its result neither cached nor stored, for DVC decides on that."""
    wrap = task(name=name, cache_policy=NO_CACHE, persist_result=False)
    return wrap(work)


class Sealed:
    """A job and one of its shards as one opaque argument.

    Prefect, and Dask too, would search every image of a shard for results of other tasks.
    """

    __slots__ = ("job", "shard")

    def __init__(self, job: object, shard: Shard) -> None:
        """Hold both."""
        self.job, self.shard = job, shard


def shard_task(work: Callable[[Job, Shard], Counts], name: str) -> Task[[Sealed], Counts]:
    """Wrap the function that does one shard: retried when the world was flaky, never when a retry cannot help."""

    def unseal(sealed: Sealed) -> Counts:
        return work(cast("Job", sealed.job), sealed.shard)

    return retried(unseal, name, is_transient)


def retried(work: Callable[P, R], name: str, worth_it: Callable[[BaseException], bool]) -> Task[P, R]:
    """Wrap a function that is tried again, with growing delays, after an error of which `worth_it` says so."""
    wrap = task(
        name=name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=len(RETRY_DELAYS),
        retry_delay_seconds=RETRY_DELAYS,
        retry_jitter_factor=0.5,
        retry_condition_fn=retry_condition(worth_it),
    )
    return wrap(work)


def retry_condition(
    worth_it: Callable[[BaseException], bool],
) -> Callable[[Task[..., Any], TaskRun, State[Any]], bool]:
    """Return what Prefect asks of a task that failed, from a judgement of the error that it raised."""

    def condition(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
        try:
            state.result()
        except Exception as error:  # noqa: BLE001 - whatever it was, it is judged here
            return worth_it(error)
        return False

    return condition


def is_transient(error: BaseException) -> bool:
    """Tell whether the network or a remote storage let a shard down, which another try may mend."""
    return any(isinstance(cause, (ConnectionError, TimeoutError, aiohttp.ClientError)) for cause in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def run_shards(
    runner: ShardRunner,
    work: Task[[Sealed], Counts],
    job: object,
    shards: Iterable[Shard],
    finished: Callable[[int], Counts | None],
    total: Counts,
    progress: tqdm[Any],
) -> int:
    """Run `work` on every shard that is not `finished` (by its index), add all counts to `total`.

    Returns the number of shards.
    """
    flying = _Flying(runner, work, job)
    number = 0
    for shard in shards:
        number += 1
        done = finished(shard.index)
        if done is not None:
            _add(total, done, progress)
            continue
        while flying.full(shard):
            _add(total, flying.wait(), progress)
        flying.submit(shard)
    while flying.weights:
        _add(total, flying.wait(), progress)
    return number


class _Flying:
    """The shards that are being done; holds of each only its future and its weight in bytes."""

    def __init__(self, runner: ShardRunner, work: Task[..., Any], job: object) -> None:
        self.weights: dict[PrefectFuture[Any], int] = {}
        self._runner, self._work, self._job = runner, work, job
        self._done: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()

    def full(self, shard: Shard) -> bool:
        """Tell whether a shard must be waited for before this one may go."""
        if len(self.weights) >= self._runner.in_flight():
            return True
        return bool(self.weights) and sum(self.weights.values()) + shard.held_bytes() > BYTES_IN_FLIGHT

    def submit(self, shard: Shard) -> None:
        future = self._runner.tasks.submit(self._work, {"sealed": Sealed(self._job, shard)})
        self.weights[future] = shard.held_bytes()
        future.add_done_callback(self._done.put)

    def wait(self) -> Any:
        """Return the counts of the next shard that is done; raises what it raised."""
        future = self._done.get()
        del self.weights[future]
        return future.result()


def _add(total: Counts, counts: Counts, progress: tqdm[Any]) -> None:
    total.add(counts)
    progress.update(counts.inputs)


def progress_bar(what: str, total: int | None) -> tqdm[Any]:
    """Return a progress bar over images on standard error; a line every ten seconds where that is no terminal."""
    interval = 0.5 if sys.stderr.isatty() else 10.0
    return tqdm(total=total, desc=what, unit=" images", file=sys.stderr, mininterval=interval, dynamic_ncols=True)
