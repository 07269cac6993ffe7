"""Run a stage's flow: alone in the workspace, on a Prefect server, watched over where pictures are decoded."""

from __future__ import annotations

import importlib
from contextlib import nullcontext
from typing import Any

from flows.faults import hush_known_errors
from flows.lock import workspace_lock
from flows.server import ensure_server
from flows.supervisor import supervise
from tasks.params import load_params

DECODING = ("crop", "score")
DYING = 2.0  # seconds until a command that was killed a moment ago has let go of the workspace


def run_stage(stage: str, **arguments: Any) -> Any:
    """Run the flow of that name in flows/<name>.py; Prefect is imported only now, when a server is there.

    Settings that cannot be read end it before anything is made: so it leaves nothing in a folder that is no workspace.
    """
    if "params_file" in arguments:
        load_params(arguments["params_file"])
    # The sample needs no workspace; the pipeline leaves DVC's own lock to the `dvc` that it runs.
    lock = nullcontext() if stage == "sample" else workspace_lock(dvc=stage != "pipeline", patience=DYING)
    with lock:
        ensure_server()
        if stage in DECODING:
            supervise()
        hush_known_errors()
        flow = getattr(importlib.import_module(f"flows.{stage}"), stage)
        return flow(**arguments)
