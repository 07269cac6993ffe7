"""One writer at a time in a workspace: refused with the owner's name, shared in a family, gone with its owner."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from flows import lock
from flows.lock import BusyError, Owner, owner_of, workspace_lock
from tasks.params.files import write_json

ROOT = Path(__file__).resolve().parents[2]
# Takes the lock, says so, and holds it until its standard input ends; words after the name become a child of its own.
HOLD = """
import subprocess, sys
from flows.lock import BusyError, workspace_lock
try:
    with workspace_lock(sys.argv[1], dvc=sys.argv[1] != "retrain") as lock:
        print("taken", flush=True)
        child = sys.argv[2:] and subprocess.run(sys.argv[2:], pass_fds=[lock], stdin=subprocess.DEVNULL)
        child or sys.stdin.read()
        sys.exit(child.returncode if child else 0)
except BusyError as error:
    sys.exit(str(error))
"""
TAKE = "import sys\nfrom flows.lock import workspace_lock\nwith workspace_lock(): print('taken', flush=True); {then}"


class Folder:
    """A DVC repository whose stages `first` and `second` take the workspace's lock as our commands do."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        subprocess.run(["git", "init", "-q", str(path)], check=True)
        (path / ".dvc").mkdir()
        (path / ".dvc/config").write_text("[core]\n    analytics = false\n")
        (path / "stage.py").write_text(TAKE.format(then="import pathlib; pathlib.Path(sys.argv[1]).write_text('x')"))
        stage = {"cmd": f"{sys.executable} stage.py data/${{item}} && sleep 2", "outs": ["data/${item}"]}
        stages: dict[str, Any] = {"make": {"foreach": ["first", "second"], "do": stage}}
        (path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            words, cwd=self.path, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def hold(self, *words: str) -> subprocess.Popen[str]:
        """Start a process that holds the lock."""
        holder = self.start(sys.executable, "-c", HOLD, *words)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        return holder

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.path, env=self.environment, text=True, capture_output=True, check=False, timeout=60
        )

    def take(self) -> subprocess.CompletedProcess[str]:
        """Take the lock for a moment."""
        return self.run(sys.executable, "-c", TAKE.format(then="pass"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def held(folder: Folder) -> Iterator[subprocess.Popen[str]]:
    holder = folder.hold("fauxface score monday.zip")
    yield holder
    holder.kill()
    holder.communicate()


def test_a_second_writer_is_told_who_the_first_is(folder: Folder, held: subprocess.Popen[str]) -> None:
    refused = folder.take()
    assert refused.returncode == 1
    said = refused.stderr.splitlines()[-1]
    owner = f"by `fauxface score monday.zip` by {getpass.getuser()} on {socket.gethostname()}, pid {held.pid}, since 2"
    assert f"{folder.path}: is being written {owner}" in said
    held.communicate("")
    assert folder.take().stdout == "taken\n"
    assert not (folder.path / "data/.state/workspace.json").exists()


def test_a_note_written_while_the_lock_was_being_taken_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_elsewhere: Owner
) -> None:
    """Between a look at the note and the lock another may have come and gone for a moment: its family goes on."""
    monkeypatch.chdir(tmp_path)
    looks = iter([None, held_elsewhere, held_elsewhere])
    monkeypatch.setattr(lock, "_noted", lambda _: next(looks, held_elsewhere))
    entered = False
    with pytest.raises(BusyError, match="by `someone else` by "), workspace_lock("late", dvc=False):
        entered = True
    assert not entered
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "data/.state/workspace.lock").open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # who was refused holds nothing


@pytest.fixture
def held_elsewhere() -> Iterator[Owner]:
    """An owner that lives, and is no process above this one."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield owner_of(psutil.Process(process.pid), "someone else")
        process.communicate(b"\n")


def test_a_process_with_the_same_id_that_started_at_another_time_is_somebody_else(held_elsewhere: Owner) -> None:
    assert held_elsewhere.is_alive()
    assert not held_elsewhere.is_family()
    for seconds in (-100.0, -3.0, 3.0, 100.0):
        other = replace(held_elsewhere, created=held_elsewhere.created + seconds)
        assert not other.is_alive()
    assert replace(held_elsewhere, created=held_elsewhere.created + 1.0).is_alive(), "readings differ a little"
    me = owner_of(psutil.Process(), "me")
    assert me.is_family()
    assert not replace(me, created=me.created - 100).is_family()
    assert not replace(me, host="elsewhere").is_family()
    assert not replace(me, host="elsewhere").is_alive()
    assert owner_of(psutil.Process(os.getppid())).is_family(), "who started us is of the family"


def test_a_note_of_somebody_else_is_left_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_elsewhere: Owner
) -> None:
    monkeypatch.chdir(tmp_path)
    note = tmp_path / "data/.state/workspace.json"
    write_json(note, asdict(held_elsewhere))
    lock.release(lock.LOCK)
    assert note.exists()
    write_json(note, asdict(owner_of(psutil.Process())))
    lock.release(lock.LOCK)
    assert not note.exists()


def test_a_killed_owner_lets_go(folder: Folder, held: subprocess.Popen[str]) -> None:
    held.kill()
    held.wait()
    assert (folder.path / "data/.state/workspace.json").exists(), "the note is stale, not in the way"
    left = [folder.path / "data/.state/.tmp-1-workspace.json", folder.path / "reports/evaluate/.tmp-2-roc.csv"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert folder.take().stdout == "taken\n"
    assert not any(path.exists() for path in left), "what a killed writer left goes with its lock"


def test_a_note_with_the_id_of_another_process_does_not_block(folder: Folder) -> None:
    note = folder.path / "data/.state/workspace.json"
    note.parent.mkdir(parents=True)
    owner = {"command": "gone", "user": "x", "host": socket.gethostname(), "since": "then"}
    note.write_text(json.dumps({**owner, "pid": os.getppid(), "created": 1.0}))
    assert folder.take().stdout == "taken\n"
    note.write_text("{")
    assert folder.take().stdout == "taken\n"


def test_dvc_is_refused_before_it_removes_anything(folder: Folder) -> None:
    assert folder.run("dvc", "repro").returncode == 0
    holder = folder.hold("fauxface schedule (inbox)")
    refused = folder.run("dvc", "repro", "--force")
    holder.kill()
    holder.communicate()
    assert refused.returncode != 0
    assert f"fauxface schedule (inbox)` by {getpass.getuser()}" in refused.stderr
    assert sorted(path.name for path in (folder.path / "data").iterdir() if path.name in {"first", "second"}) == [
        "first",
        "second",
    ]
    assert folder.run("dvc", "repro", "--force").returncode == 0, "the killed owner's entry does not block"


def test_nobody_slips_in_between_two_stages_of_a_repro(folder: Folder) -> None:
    repro = folder.start("dvc", "repro")
    note = folder.path / "data/.state/workspace.json"
    deadline = time.monotonic() + 30
    while not note.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    answers = []
    while repro.poll() is None:
        answers.append(folder.take())
    said, errors = repro.communicate()
    assert repro.returncode == 0, said + errors
    refused = [answer for answer in answers if answer.returncode]
    assert len(refused) >= 3
    assert all("`dvc repro` by " in answer.stderr for answer in refused)
    assert (folder.path / "data/second").exists()
    assert folder.take().stdout == "taken\n", "the lock went with the process"


def test_the_stages_of_a_retraining_work_under_its_lock(folder: Folder) -> None:
    done = folder.run(sys.executable, "-c", HOLD, "retrain", "dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder.path / "data/second").read_text() == "x"


def test_what_an_owner_started_keeps_the_lock_when_the_owner_is_killed(folder: Folder) -> None:
    holder = folder.hold("retrain", "sleep", "60")
    child = _sleeper(folder.path)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    refused = folder.take()
    os.kill(child, signal.SIGKILL)
    holder.communicate()
    assert "it has ended, but something that it started goes on" in refused.stderr
    deadline = time.monotonic() + 10
    while folder.take().returncode:
        assert time.monotonic() < deadline


def _sleeper(folder: Path) -> int:
    """Wait until a `sleep` has been started in `folder`; returns its process's id."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["name"]):
            # Other users' processes do not tell where they are, and one that has just ended tells nothing.
            with contextlib.suppress(psutil.Error):
                if process.info["name"] == "sleep" and process.cwd() == str(folder):
                    return int(process.pid)
        time.sleep(0.05)
    raise AssertionError("nothing was started")


def test_who_waits_gets_it_and_says_for_whom(folder: Folder, held: subprocess.Popen[str]) -> None:
    code = "from flows.lock import workspace_lock\nwith workspace_lock(patience=60, waiting=print): print('taken')"
    waiting = folder.start(sys.executable, "-u", "-c", code)
    assert waiting.stdout is not None
    assert "`fauxface score monday.zip`" in waiting.stdout.readline()
    held.communicate("")
    assert waiting.communicate(timeout=30)[0] == "taken\n"


def test_a_lock_is_free_again_for_the_process_that_had_it(tmp_path: Path) -> None:
    path = tmp_path / "served.lock"
    for name in ("first", "second"):
        with lock.only_one(path, name):
            said = rf"is served already by.*{name}"
            with pytest.raises(BusyError, match=said), lock.only_one(path, "third"):
                pass


def test_a_folder_that_dvc_does_not_know_needs_no_lock_of_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib, "import_module", lambda name: pytest.fail(f"{name} was imported"))
    with workspace_lock("outside"):
        assert lock.holder() is not None
    assert lock.holder() is None
