"""The guard: a command that ends with whoever started it, and whose exit status is the guard's."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tasks.own_process import own_command


def guarded(project: Path, lock: Path, *command: str) -> subprocess.Popen[bytes]:
    with lock.open("w") as stream:
        number = stream.fileno()
        words = own_command("flows.child_process", str(number), *command)
        return subprocess.Popen(
            words, cwd=lock.parent, stdin=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[number]
        )


@pytest.mark.parametrize("status", [0, 3])
def test_a_command_ends_with_its_status_while_the_parent_lives(project: Path, tmp_path: Path, status: int) -> None:
    """The thread that watches the parent must not stand in the way."""
    with guarded(project, tmp_path / "lock", sys.executable, "-c", f"raise SystemExit({status})") as guard:
        assert guard.wait(60) == status
        assert guard.stderr is not None
        assert guard.stderr.read() == b""


def test_the_command_ends_when_the_parent_is_gone(project: Path, tmp_path: Path) -> None:
    with guarded(project, tmp_path / "lock", "sleep", "300") as guard:
        deadline = time.monotonic() + 60
        while not (children := psutil.Process(guard.pid).children()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert guard.stdin is not None
        guard.stdin.close()  # as the kernel does for a parent that was killed
        children[0].wait(timeout=30)
        assert guard.wait(60) != 0
