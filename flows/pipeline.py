"""The whole pipeline: `dvc repro`, all its stages on one Prefect server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psutil
from prefect import flow

from tasks.params import FauxfaceError

STOP_GRACE = 2.0  # seconds in which DVC and its stage end by themselves after Ctrl-C, which reaches them as well


@flow(name="pipeline")
def pipeline() -> None:
    """Run what `dvc.yaml` asks for and is not up to date; raises FauxfaceError when a stage failed.

    The stages find this process's server in PREFECT_API_URL, and the command `fauxface` beside this interpreter.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    dvc = subprocess.Popen([sys.executable, "-m", "dvc", "repro"], env={**os.environ, "PATH": path})
    try:
        status = dvc.wait()
    except BaseException:
        _stop(dvc.pid)
        raise
    if status:
        raise FauxfaceError(f"`dvc repro` ended with status {status}; what went wrong stands above.")


def _stop(pid: int) -> None:
    """End DVC and the stage it runs, which would go on alone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        dvc = psutil.Process(pid)
        _, left = psutil.wait_procs([*dvc.children(recursive=True), dvc], timeout=STOP_GRACE)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
