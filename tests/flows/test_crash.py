"""A stage killed at any moment costs its unfinished shard, no more; bad settings and input end in words."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.flows.conftest import Workspace, wait_for_files
from tests.flows.dumps import Dumps

NewWorkspace = Callable[[dict[str, Any]], Workspace]


@pytest.fixture(scope="module")
def params(dumps: Dumps) -> dict[str, Any]:
    return {
        "datasets": {"omi": {"source": str(dumps.omi(60)), "label": {"rule": "constant", "value": "fake"}}},
        "crop": {"size": 64, "shard": 4},
        "score": {"archives": {}},
    }


@pytest.fixture(scope="module")
def unbroken(params: dict[str, Any], new_workspace: NewWorkspace) -> dict[str, str]:
    """The files of a crop that nothing disturbed."""
    workspace = new_workspace(params)
    workspace.run("fauxface", "crop", "omi")
    return digests(workspace / "data/faces/omi")


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_killed_crops_go_on_and_end_as_an_unbroken_one(
    params: dict[str, Any], unbroken: dict[str, str], new_workspace: NewWorkspace
) -> None:
    workspace = new_workspace(params)
    state = workspace / "data/.state/crop"
    kept: dict[Path, int] = {}
    for target in (2, 5, 9):
        running = workspace.start("fauxface", "crop", "omi")
        wait_for_files(state, "images-*", target, running)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        changed = [path for path, written in kept.items() if path.stat().st_mtime_ns != written]
        assert changed == [], "a finished shard was done again"
        kept = {path: path.stat().st_mtime_ns for path in state.rglob("images-*")}
    workspace.run("fauxface", "crop", "omi")
    final = workspace / "data/faces/omi"
    assert digests(final) == unbroken
    assert not list(workspace.folder.rglob(".tmp-*"))
    assert pq.read_metadata(final / "images.parquet").num_rows == 60


def test_an_interrupt_ends_within_seconds_and_says_how_to_go_on(
    params: dict[str, Any], unbroken: dict[str, str], new_workspace: NewWorkspace
) -> None:
    workspace = new_workspace(params)
    running = workspace.start("fauxface", "crop", "omi")
    wait_for_files(workspace / "data/.state/crop", "images-*", 1, running)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(timeout=30) == 128 + signal.SIGINT
    said = (workspace / "start.log").read_text()
    assert "goes on from there" in said
    assert "Traceback" not in said
    workspace.run("fauxface", "crop", "omi")
    assert digests(workspace / "data/faces/omi") == unbroken


STUCK = """
import atexit, ctypes, os, signal
from flows import cli
atexit.register(ctypes.PyDLL(None).sleep, 60)  # holds Python's lock, as native code of a training may at the end
signal.signal(signal.SIGTERM, cli._interrupt)
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_an_interrupted_command_ends_though_python_cannot(environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], env=environment, capture_output=True, text=True, timeout=45)
    assert done.returncode == -signal.SIGALRM
    assert "goes on from there" in done.stderr


@pytest.mark.parametrize(
    ("change", "words", "expected"),
    [
        ({"crop": {"szie": 1}}, ["crop", "omi"], "crop.szie: unknown key. Did you mean 'size'?"),
        ({}, ["crop", "imo"], "has no data set 'imo'; it names omi"),
        ({"datasets": {"omi": {"source": "gone.zip"}}}, ["crop", "omi"], "gone.zip"),
        ({}, ["train"], "fauxface split"),
        ({}, ["score", "some.zip", "--model", "nowhere"], "holds no model"),
        ({}, ["score"], "score.archives names none"),
        ({}, ["split"], "no faces yet"),
    ],
)
def test_a_fault_is_said_in_words(
    params: dict[str, Any], new_workspace: NewWorkspace, change: dict[str, Any], words: list[str], expected: str
) -> None:
    workspace = new_workspace({**params, **change})
    done = workspace.run("fauxface", *words, check=False)
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
