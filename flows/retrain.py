"""Deployment `retrain`: `dvc repro`, then `dvc push` where a remote is set."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.lock import workspace_lock
from flows.runners import RETRY_DELAYS
from flows.scheduled import in_words, owner_name
from flows.surroundings import SAFE_PATH
from flows.workspace import MODEL
from tasks.own_process import own_command, python_command
from tasks.params import FauxfaceError
from tasks.scoring.card import read_card

PATIENCE = 12 * 3600.0  # seconds; the next night is farther than any scoring is long
_DVC = python_command("dvc")


@flow(name="retrain")
def retrain() -> State[Any]:
    """Bring the whole pipeline up to date; waits for whoever is writing in the workspace."""
    return in_words(_retrain)


def _retrain() -> State[Any]:
    log = get_run_logger()
    with workspace_lock(owner_name("retrain"), patience=PATIENCE, waiting=log.info, dvc=False) as lock:
        _dvc(lock, "repro")
        pushed = _has_remote()
        if pushed:
            _push(lock)
    return Completed(message=f"Model {read_card(MODEL).model_id}; {'pushed' if pushed else 'no DVC remote to push to'}")


def _push(lock: int) -> None:
    """Run `dvc push`, again when it fails: it does nothing but network and storage, and goes on where it stopped."""
    for pause in RETRY_DELAYS:
        try:
            return _dvc(lock, "push")
        except FauxfaceError as error:
            get_run_logger().warning("%s Once more in %g s.", error, pause)
            time.sleep(pause)
    return _dvc(lock, "push")


def _has_remote() -> bool:
    found = subprocess.run([*_DVC, "config", "core.remote"], capture_output=True, text=True, check=False)
    return found.returncode == 0 and bool(found.stdout.strip())


def _dvc(lock: int, word: str) -> None:
    """Run a DVC command that holds the workspace's lock with us and ends with us; log what it says.

    Raises FauxfaceError when it fails.
    """
    log, last = get_run_logger(), deque[str](maxlen=8)
    with subprocess.Popen(
        own_command("flows.child_process", str(lock), *_DVC, word),
        env=_environment(), pass_fds=[lock], start_new_session=True, text=True, errors="replace",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            if line.strip():
                log.info("%s", line.rstrip())
                last.append(line.rstrip())
    if process.returncode != 0:
        said = " / ".join(last) or "it said nothing"
        raise FauxfaceError(f"`dvc {word}` ended with status {process.returncode}: {said}")


def _environment() -> dict[str, str]:
    """Return our environment for DVC's stages: our own commands first, and nothing that makes them this very run."""
    ours = ("PREFECT__", SAFE_PATH)  # a stage of the user's own may import what lies beside its script
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
