"""Shards on a Dask or Ray cluster that is running already, through Prefect's task runners for them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, cast
from urllib.parse import urlsplit

import psutil

from flows.shard_runner import SHARDS_IN_FLIGHT, ShardRunner, Tasks
from tasks.params import FauxfaceError, RunnerParams

CONNECT_TIMEOUT = 30  # seconds, for the cluster to answer and for its first worker to be there
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@contextmanager
def open_cluster(settings: RunnerParams) -> Iterator[ShardRunner]:
    """Yield a runner on the cluster at `settings.address`, which is left running afterwards.

    Raises FauxfaceError when the cluster cannot be reached, has no workers, or loses them faster than it helps.
    """
    opened = _dask if settings.kind == "dask" else _ray
    with opened(str(settings.address), settings.workers) as runner:
        yield runner


@contextmanager
def _dask(address: str, workers: int) -> Iterator[ShardRunner]:
    """Yield a runner on a Dask cluster. Dask gives the shards of a lost worker to another by itself."""
    package = _package("prefect_dask.task_runners", "dask")
    distributed = _package("distributed", "dask")
    # A stream's shards carry their images: Dask would warn of every one.
    _package("dask", "dask").config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
    with package.DaskTaskRunner(address=address, client_kwargs={"timeout": CONNECT_TIMEOUT}) as tasks:
        try:
            tasks.client.wait_for_workers(1, timeout=CONNECT_TIMEOUT)
            threads = _dask_threads(tasks.client.scheduler_info()["workers"], address)
        except OSError as error:
            raise _unreachable(address, error) from error

        def in_flight() -> int:
            return SHARDS_IN_FLIGHT * (workers or len(tasks.client.scheduler_info()["workers"]) or 1)

        try:
            yield ShardRunner(cast("Tasks", tasks), threads, in_flight)
        except distributed.KilledWorker as error:
            raise FauxfaceError(
                f"{address}: several workers died of the same shard ({error}). Look at their memory, or make "
                "`score.shard` smaller. What is finished is kept."
            ) from error
        except (distributed.comm.CommClosedError, distributed.CancelledError) as error:
            raise _unreachable(address, error) from error
        except RuntimeError as error:
            if "deserialization of the task graph" not in str(error):
                raise
            raise FauxfaceError(
                f"{address}: its scheduler does not know this fauxface. Install the same version of it, with the same "
                "packages, on the scheduler, on the workers and here, and start them again."
            ) from error


def _dask_threads(workers: dict[str, dict[str, Any]], address: str) -> int:
    """Return the threads that any of the workers has for a shard, after checking that all can report to Prefect."""
    _check_server([str(urlsplit(name).hostname) for name in workers], address)
    return min(int(worker["nthreads"]) for worker in workers.values())


@contextmanager
def _ray(address: str, workers: int) -> Iterator[ShardRunner]:
    """Yield a runner on a Ray cluster, a shard on each of its CPUs. Ray does the shards of a lost worker again."""
    package = _package("prefect_ray.task_runners", "ray")
    ray = _package("ray", "ray")
    with ExitStack() as stack:
        try:
            tasks = stack.enter_context(package.RayTaskRunner(address=address, init_kwargs={"log_to_driver": False}))
            _check_server([str(node["NodeManagerAddress"]) for node in ray.nodes()], address)
        except (ConnectionError, TimeoutError, ray.exceptions.RayError) as error:
            raise _unreachable(address, error) from error

        def in_flight() -> int:
            return SHARDS_IN_FLIGHT * (workers or int(ray.cluster_resources().get("CPU", 1)))

        try:
            yield ShardRunner(cast("Tasks", tasks), 1, in_flight)
        except ray.exceptions.RayError as error:
            raise _unreachable(address, error) from error


def _package(name: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise FauxfaceError(
            f"runner.kind {extra}: {error.name} is not installed. Install fauxface with its extra, as in "
            f"`pip install '.[{extra}]'`, here and on the workers."
        ) from None


def _unreachable(address: str, error: Exception) -> FauxfaceError:
    return FauxfaceError(
        f"{address}: the cluster cannot be reached, or was lost ({type(error).__name__}: {error}). Start it, or "
        "correct runner.address. What is finished is kept: the same command goes on from there."
    )


def _check_server(hosts: list[str], address: str) -> None:
    """Raise FauxfaceError where workers on other machines are to report to a Prefect server on this one's loopback."""
    if urlsplit(os.environ.get("PREFECT_API_URL", "")).hostname not in _LOOPBACK:
        return
    here = {entry.address for entries in psutil.net_if_addrs().values() for entry in entries} | _LOOPBACK
    elsewhere = sorted(set(hosts) - here)
    if elsewhere:
        raise FauxfaceError(
            f"{address}: its workers (on {', '.join(elsewhere[:3])}) cannot reach the Prefect server on this machine's "
            "loopback. Start one for all of them (`prefect server start --host 0.0.0.0`) and set PREFECT_API_URL."
        )
