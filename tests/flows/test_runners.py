"""How shards are handed over: bounded, each once, retried only when that can help; clusters that are not there."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tqdm import tqdm

from flows import clusters, runners
from flows.runners import Sealed, is_transient, retry_condition, run_shards
from flows.shard_runner import ShardRunner
from tasks.params import FauxfaceError, RunnerParams
from tasks.sources import Member, Shard, SourceError


@dataclass
class Sum:
    inputs: int = 0

    def add(self, other: Sum) -> None:
        self.inputs += other.inputs


class Pool:
    """Stands in for a task runner of Prefect; notes how many shards it held at most."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(8)
        self._lock = threading.Lock()
        self._held = self.most = self.most_bytes = self._bytes = 0

    def submit(self, work: Callable[[Sealed], Sum], parameters: dict[str, Sealed]) -> Future[Sum]:
        sealed = parameters["sealed"]
        with self._lock:
            self._held, self._bytes = self._held + 1, self._bytes + sealed.shard.held_bytes()
            self.most, self.most_bytes = max(self.most, self._held), max(self.most_bytes, self._bytes)
        future = self._pool.submit(work, sealed)
        future.add_done_callback(lambda _: self._left(sealed.shard))
        return future

    def _left(self, shard: Shard) -> None:
        with self._lock:
            self._held, self._bytes = self._held - 1, self._bytes - shard.held_bytes()


def shards(number: int, size: int = 0) -> list[Shard]:
    return [Shard(index, index, index + 1, [Member(f"{index}", bytes(size))]) for index in range(number)]


def run(pool: Pool, in_flight: int, given: list[Shard], work: Callable[[Sealed], Sum], **finished: Sum) -> Sum:
    total = Sum()
    runner = ShardRunner(cast("Any", pool), 1, lambda: in_flight)
    with tqdm(file=io.StringIO()) as bar:
        done = {int(name[1:]): counts for name, counts in finished.items()}
        assert run_shards(runner, cast("Any", work), None, given, done.get, total, bar) == len(given)
    return total


def test_every_shard_is_done_once_and_no_more_are_held_than_allowed() -> None:
    pool, seen = Pool(), list[int]()

    def work(sealed: Sealed) -> Sum:
        threading.Event().wait(0.002)
        seen.append(sealed.shard.index)
        return Sum(1)

    assert run(pool, 3, shards(50), work, _7=Sum(100)).inputs == 149
    assert sorted(seen) == [index for index in range(50) if index != 7]
    assert 2 <= pool.most <= 3


def test_a_slow_shard_does_not_hold_up_the_others() -> None:
    others = threading.Semaphore(0)

    def work(sealed: Sealed) -> Sum:
        if sealed.shard.index == 0:
            assert all(others.acquire(timeout=30) for _ in range(19))
        else:
            others.release()
        return Sum(1)

    assert run(Pool(), 2, shards(20), work).inputs == 20


def test_shards_that_carry_their_bytes_are_bounded_by_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "BYTES_IN_FLIGHT", 2500)
    pool = Pool()
    run(pool, 100, shards(30, size=1000), lambda sealed: Sum(1))
    assert pool.most_bytes <= 2500
    run(pool, 100, shards(3, size=9000), lambda sealed: Sum(1))


def test_a_failure_of_a_shard_is_raised() -> None:
    def work(sealed: Sealed) -> Sum:
        raise FauxfaceError("as said")

    with pytest.raises(FauxfaceError, match="as said"):
        run(Pool(), 2, shards(4), work)


def failed(error: Exception) -> Any:
    def result() -> None:
        raise error

    return SimpleNamespace(result=result)


def test_only_the_network_and_the_storage_are_worth_another_try() -> None:
    behind = SourceError("s3://x: cannot be read")
    behind.__cause__ = ConnectionResetError()
    transient = [ConnectionError(), TimeoutError(), behind]
    final = [FauxfaceError("x"), ValueError(), SourceError("x"), PermissionError()]
    again = retry_condition(is_transient)
    assert all(again(cast("Any", None), cast("Any", None), failed(error)) for error in transient)
    assert not any(again(cast("Any", None), cast("Any", None), failed(error)) for error in final)


def test_a_cluster_that_is_not_there_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setattr(clusters, "CONNECT_TIMEOUT", 1)
    settings = RunnerParams(kind="dask", address=f"tcp://127.0.0.1:{closed_port}")
    with (
        pytest.raises(FauxfaceError, match=rf"tcp://127\.0\.0\.1:{closed_port}: the cluster cannot be reached"),
        runners.open_runner(settings),
    ):
        pytest.fail("opened")


def test_a_runner_whose_package_is_missing_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prefect_ray.task_runners", None)
    with (
        pytest.raises(FauxfaceError, match=r"pip install '\.\[ray\]'"),
        runners.open_runner(RunnerParams(kind="ray", address="ray://127.0.0.1:10001")),
    ):
        pytest.fail("opened")


def test_workers_elsewhere_need_a_server_that_they_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    clusters._check_server(["127.0.0.1"], "tcp://s:8786")
    with pytest.raises(FauxfaceError, match="set PREFECT_API_URL"):
        clusters._check_server(["127.0.0.1", "192.0.2.7"], "tcp://s:8786")
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect:4200/api")
    clusters._check_server(["192.0.2.7"], "tcp://s:8786")
