"""Real servers on loopback for tests: a Dask cluster with worker processes, and an S3-compatible store."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import s3fs

SECRET = "only-the-environment-knows-this"
_START_TIMEOUT = 60.0


class DaskCluster:
    """A scheduler and two worker processes with one thread each; all end when the block is left."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._scheduler = self._start("scheduler", "--port", "0", "--no-show", "--scheduler-file", str(self._file))
        _wait_until(self._file.is_file)
        self.address = str(json.loads(self._file.read_text())["address"])
        options = ("--nthreads", "1", "--no-nanny")
        self.workers = [self._start("worker", self.address, *options, "--name", name) for name in ("one", "two")]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in [*self.workers, self._scheduler]:
            process.kill()
            process.wait()

    def log(self) -> str:
        """Return what scheduler and workers have said."""
        return "\n".join(path.read_text() for path in self._folder.glob("*.log"))

    def lose_one(self) -> None:
        """End one worker without warning."""
        os.kill(self.workers[0].pid, signal.SIGKILL)

    def _start(self, role: str, *words: str) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).parent / "dask"), role, "--host", "127.0.0.1", "--no-dashboard", *words]
        with (self._folder / f"{role}-{words[-1].rsplit('/', 1)[-1]}.log").open("wb") as log:
            return subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=log, stderr=log)


@dataclass(frozen=True)
class ObjectStore:
    """An S3-compatible server: what commands find in their environment, and the same as an fsspec file system."""

    environment: dict[str, str]
    files: Any
    log: Path

    def written(self) -> Counter[str]:
        """Return how often each part of a scoring was written, as the server has logged it."""
        return Counter(re.findall(r'"PUT (\S+/part-\d+\.parquet) ', self.log.read_text()))


@contextmanager
def object_store(bucket: str, log: Path) -> Iterator[ObjectStore]:
    """Yield a running store with one bucket; it notes every request in `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        _wait_until(lambda: _listens(port))
        files = s3fs.S3FileSystem(endpoint_url=url, key="tester", secret=SECRET, skip_instance_cache=True)
        files.mkdir(bucket)
        words = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": SECRET}
        yield ObjectStore({**words, "AWS_DEFAULT_REGION": "us-east-1"}, files, log)
    finally:
        server.kill()
        server.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_until(ready: Any) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while not ready():
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.05)
