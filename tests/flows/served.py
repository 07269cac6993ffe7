"""A workspace with `fauxface schedule` running in it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from tests.flows.conftest import Workspace
from tests.flows.prefect_api import PrefectApi


class Served:
    """A workspace whose schedules are served, until the block is left."""

    def __init__(self, workspace: Workspace, server: str) -> None:
        self.workspace, self.api = workspace, PrefectApi(server)
        self.workspace.environment = {**workspace.environment, "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
        self.process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _start(self) -> subprocess.Popen[bytes]:
        process = self.workspace.start("fauxface", "schedule")
        deadline = time.monotonic() + 240
        while "Serving retrain/" not in (said := (self.workspace / "start.log").read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        return process

    @property
    def name(self) -> str:
        return self.workspace.folder.name

    def drop(self, dump: Path) -> None:
        """Put a dump into the inbox, whole at once."""
        shutil.copy(dump, self.workspace / "arriving")
        (self.workspace / "arriving").rename(self.workspace / "inbox" / dump.name)

    def trigger(self, flow: str) -> str:
        return self.api.trigger(flow, self.name)

    def run(self, flow: str) -> dict[str, Any]:
        """Trigger a deployment and wait for the run's end."""
        return self.api.wait(self.trigger(flow))

    def scores(self) -> pd.DataFrame:
        return pd.read_parquet(self.workspace / "data/scores")

    def parts(self) -> dict[Path, int]:
        found = (self.workspace / "data/scores").rglob("part-*.parquet")
        return {path: path.stat().st_mtime_ns for path in found}

    def wait_for(self, happened: Callable[[], bool], seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        """End the serving as `kill` does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=120)

    def restart(self) -> None:
        self.stop()
        self.process = self._start()
