"""Stage `report`: one page of what every stage did."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.artifacts import leave_report
from flows.runners import as_task
from flows.workspace import DATA, REPORTS
from tasks.params import load_params
from tasks.params.files import atomic_write
from tasks.reporting import build_report, build_timings


@flow(name="report")
def report(params_file: Path) -> Path:
    """Write reports/index.html, a page that needs no other file, and timings.html beside it; returns the first."""
    params = load_params(params_file)
    page = as_task(build_report, "build-report")(REPORTS, DATA, params)
    path = REPORTS / "index.html"
    for each, text in ((path, page), (REPORTS / "timings.html", build_timings(REPORTS, DATA, params))):
        with atomic_write(each) as temp:
            temp.write_text(text, encoding="utf-8")
    leave_report(path)
    return path
