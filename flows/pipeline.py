"""The whole pipeline: `dvc repro`, all its stages on one Prefect server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from prefect import flow

from tasks.own_process import python_command
from tasks.params import FauxfaceError

STOP_GRACE = 3.0  # seconds for which we wait for DVC and its stage to end; they do, a little later, without us too


@flow(name="pipeline")
def pipeline() -> None:
    """Run what `dvc.yaml` asks for and is not up to date; raises FauxfaceError when a stage failed.

    The stages find this process's server in PREFECT_API_URL, and the command `fauxface` beside this interpreter.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "PATH": path}
    # A process group, so that DVC and the stage it runs can be told together to stop.
    dvc = subprocess.Popen(python_command("dvc", "repro"), env=environment, process_group=0)
    try:
        status = dvc.wait()
    except BaseException:
        _stop(dvc)
        raise
    if status:
        raise FauxfaceError(f"`dvc repro` ended with status {status}; what went wrong stands above.")


def _stop(dvc: subprocess.Popen[bytes]) -> None:
    """Send what Ctrl-C sends, after which DVC waits for its stage and leaves no lock behind."""
    with suppress(ProcessLookupError):
        os.killpg(dvc.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        dvc.wait(STOP_GRACE)
