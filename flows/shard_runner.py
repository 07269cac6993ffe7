"""What runs shards, whichever it is: threads of this process (runners.py) or a cluster (clusters.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

Tasks = TaskRunner[PrefectFuture[Any]]

# Per worker. Two: the next shard decodes, or waits at the worker, while the last one drains and is written.
SHARDS_IN_FLIGHT = 2


@dataclass(frozen=True)
class ShardRunner:
    """One of Prefect's task runners, started: how many shards it may hold now, and threads each of them may use."""

    tasks: Tasks
    threads: int
    in_flight: Callable[[], int]
