"""Stage `split`: train, valid and test manifests over the faces of all data sets."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

from prefect import flow

from flows.runners import as_task
from flows.workspace import DVC_FILE, FACES, MANIFESTS, REPORTS
from tasks.manifests.stage import split_faces
from tasks.manifests.watched import require_watched
from tasks.params import load_params
from tasks.timings import write_report


@flow(name="split")
def split(params_file: Path) -> dict[str, Any]:
    """Write data/manifests/{train,valid,test}.parquet, check them for leaks, and report in reports/split.json."""
    params = load_params(params_file)
    make = as_task(split_faces, "split-faces")
    watched = functools.partial(require_watched, dvc_file=DVC_FILE, params_file=params_file)
    started = time.monotonic()
    report = make(FACES, MANIFESTS, list(params.require_datasets(params_file).values()), params.split, watched)
    write_report(REPORTS, "split", {**report, "seconds": round(time.monotonic() - started, 2)})
    return report
