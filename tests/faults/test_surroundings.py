"""What fails around a stage: disk, lock, database, clock, the dump itself. It ends in words and goes on later."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml

from tests.faults.conftest import COMMANDS, Ended, Lab
from tests.faults.table import Tell, rows_wrong, tell
from tests.faults.test_kills import outcome, scored, wrong_rows
from tests.flows.conftest import Workspace, wait_for_files

# The laboratory is set up within the first test's time, however busy the machine is.
pytestmark = pytest.mark.timeout(3600)

DISK = 64  # megabytes
SPARE = 20 * 1024  # bytes left on the full disk: enough for the lock's note, not for what a stage makes


@contextmanager
def own_disk(workspace: Path) -> Iterator[bool]:
    """Let a workspace lie on a small file system of its own; yields whether this machine allows that."""
    kept = workspace.with_name(f"{workspace.name}-kept")
    workspace.rename(kept)
    workspace.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(workspace)]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    shutil.copytree(kept, workspace, dirs_exist_ok=True)
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(workspace)], check=True)


def remount(workspace: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(workspace)], check=True)


def fill(workspace: Path) -> Path:
    """Write a file until the disk is full, then give back a little."""
    filler = workspace / "filler"
    with filler.open("wb") as out:
        try:
            while True:
                out.write(bytes(1 << 16))
                out.flush()
        except OSError:
            pass
    os.truncate(filler, filler.stat().st_size // 4096 * 4096 - SPARE)
    return filler


def run_on_full_disk(lab: Lab, workspace: Path, stage: str, mounted: bool) -> Ended:
    if not mounted:  # the closest thing that needs no rights: no file may grow beyond a kilobyte
        return lab.zygote.run(workspace, *COMMANDS[stage], largest_file=1024)
    filler = fill(workspace)
    ended = lab.zygote.run(workspace, *COMMANDS[stage])
    filler.unlink()
    return ended


def run_read_only(lab: Lab, workspace: Path, stage: str, mounted: bool) -> Ended:
    if mounted:
        remount(workspace, "ro")
        ended = lab.zygote.run(workspace, *COMMANDS[stage])
        remount(workspace, "rw")
        return ended
    folders = [path for path in [workspace, *workspace.rglob("*")] if path.is_dir()]
    for path in folders:
        path.chmod(0o555)
    ended = lab.zygote.run(workspace, *COMMANDS[stage])
    for path in folders:
        path.chmod(0o755)
    return ended


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "run"), [("disk full", run_on_full_disk), ("output read-only", run_read_only)])
@pytest.mark.parametrize("stage", COMMANDS)
def test_a_disk_that_takes_nothing_is_said_and_costs_nothing(
    lab: Lab, stage: str, fault: str, run: Callable[..., Ended], record_property: Tell
) -> None:
    workspace = lab.before(stage)
    with own_disk(workspace) as mounted:
        ended = run(lab, workspace, stage, mounted)
        assert ended.status == 1, ended.said
        assert "Traceback (most recent" not in ended.said
        assert ended.said.count("fauxface:") == 1
        again = lab.zygote.run(workspace, *COMMANDS[stage])
        assert again.status == 0, again.said
        if stage != "split":
            assert outcome(workspace, stage) == outcome(lab.unbroken, stage)
        tell(record_property, fault, 1, **wrong_rows(workspace, stage))


def test_a_dump_that_changes_while_it_is_read_is_noticed(lab: Lab, tmp_path: Path, record_property: Tell) -> None:
    """And nothing of what was read of the old one is taken for the new one's."""
    for stage, at in (("crop", 60), ("score", 40)):
        workspace = lab.before(stage)
        name = use_own_dump(workspace, stage)
        shorter = tmp_path / "shorter.zip"
        with zipfile.ZipFile(workspace / name) as old, zipfile.ZipFile(shorter, "w") as new:
            for member in old.namelist()[:5]:
                new.writestr(member, old.read(member))
        ended = lab.zygote.run(workspace, *COMMANDS[stage], at=at, do=f"cp {shorter} {workspace / name}")
        assert ended.status == 1, ended.said
        assert "Traceback (most recent" not in ended.said
        ended = lab.zygote.run(workspace, *COMMANDS[stage])
        assert ended.status == 0, ended.said
        images = workspace / "data/faces/ffhq/images.parquet"
        rows = pd.read_parquet(images) if stage == "crop" else scored(workspace)
        tell(record_property, "dump changed while read", 1, **rows_wrong(rows, 5))


def use_own_dump(workspace: Path, stage: str) -> str:
    """Copy the dump of a stage into the workspace and name it in the settings; returns its name."""
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    settings = params["datasets"]["ffhq"] if stage == "crop" else params["score"]["archives"]["faulty"]
    shutil.copy(settings["source"], workspace / "own.zip")
    settings["source"] = "own.zip"
    (workspace / "params.yaml").write_text(yaml.safe_dump(params))
    return "own.zip"


@pytest.mark.parametrize("stage", ["crop", "score"])
def test_a_clock_that_jumps_changes_nothing(lab: Lab, stage: str, record_property: Tell) -> None:
    workspace = lab.before(stage)
    ended = lab.zygote.run(workspace, *COMMANDS[stage], clock=86_400)
    assert ended.status == 0, ended.said
    assert outcome(workspace, stage) == outcome(lab.unbroken, stage)
    tell(record_property, "clock jumping by a day", 1, **wrong_rows(workspace, stage))


def test_while_dvc_holds_its_lock_a_command_is_refused_in_words(lab: Lab, record_property: Tell) -> None:
    workspace = lab.before("split")
    (workspace / ".dvc/tmp").mkdir(parents=True)
    (workspace / ".dvc/config").write_text("")
    held = {"write": {str(workspace / "data"): {"pid": os.getpid(), "cmd": "dvc repro"}}, "read": {}}
    (workspace / ".dvc/tmp/rwlock").write_text(json.dumps(held))
    ended = lab.zygote.run(workspace, *COMMANDS["split"])
    assert ended.status == 1
    assert f"pid {os.getpid()}" in ended.said
    assert "Traceback (most recent" not in ended.said
    (workspace / ".dvc/tmp/rwlock").write_text("{}")
    assert lab.zygote.run(workspace, *COMMANDS["split"]).status == 0
    tell(record_property, "DVC's lock held", 1)


def test_of_two_runs_at_once_one_is_refused_and_the_other_is_as_if_alone(lab: Lab, record_property: Tell) -> None:
    """The second begins in the midst of the first, which waits for its end."""
    workspace = lab.before("crop")
    said = workspace.parent / "second.log"
    command = f"{Path(sys.executable).parent / 'fauxface'} crop ffhq"
    done = workspace.parent / "second.done"
    # Orphaned at once, for a command that the first had started itself would be let in as a part of it.
    alone = f"({command} > {said} 2>&1; echo $? >> {said}; touch {done})"
    second = f"cd {workspace} && ({alone} &); while [ ! -e {done} ]; do sleep 0.1; done"
    ended = lab.zygote.run(workspace, "crop", "ffhq", at=50, do=second)
    assert ended.status == 0, ended.said
    assert "is being written by" in said.read_text()
    assert said.read_text().endswith("\n1\n")
    assert outcome(workspace, "crop") == outcome(lab.unbroken, "crop")
    tell(record_property, "two runs at once", 1, **wrong_rows(workspace, "crop"))


def test_a_database_that_is_locked_for_a_while_delays_a_run(
    lab: Lab, prefect_home: Path, record_property: Tell
) -> None:
    workspace = lab.before("crop")
    database = sqlite3.connect(prefect_home / "prefect.db", check_same_thread=False, isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    threading.Timer(4.0, database.execute, ("ROLLBACK",)).start()
    ended = lab.zygote.run(workspace, *COMMANDS["crop"])
    database.close()
    assert ended.status == 0, ended.said
    assert outcome(workspace, "crop") == outcome(lab.unbroken, "crop")
    tell(record_property, "SQLite locked", 1, **wrong_rows(workspace, "crop"))


@pytest.mark.slow
def test_a_server_lost_in_the_midst_of_a_flow_costs_nothing_that_was_done(
    lab: Lab, environment: dict[str, str], tmp_path: Path, record_property: Tell
) -> None:
    workspace = Workspace(lab.before("crop"), {**environment, "PREFECT_HOME": str(tmp_path), "TMPDIR": str(tmp_path)})
    workspace.environment["PREFECT_CLIENT_MAX_RETRIES"] = "1"
    running = workspace.start("fauxface", "crop", "ffhq")
    wait_for_files(workspace / "data/.state", "images-*", 2, running)
    for note in tmp_path.rglob("prefect-*.json"):
        end_server(json.loads(note.read_text()))
    status = running.wait(300)
    assert "Traceback (most recent" not in (workspace / "start.log").read_text()
    done = workspace.run("fauxface", "crop", "ffhq", check=False)
    assert done.returncode == 0, done.stderr
    rows = pd.read_parquet(workspace / "data/faces/ffhq/images.parquet")
    assert status in (0, 1)
    tell(record_property, "Prefect server lost", 1, **rows_wrong(rows, 40))


def end_server(note: dict[str, Any]) -> None:
    """Kill what listens at the noted address."""
    port = int(note["url"].rsplit(":", 1)[1].split("/")[0])
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            os.kill(connection.pid, signal.SIGKILL)
