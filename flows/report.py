"""Stage `report`: one page of what every stage did."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.runners import as_task
from flows.workspace import DATA, REPORTS
from tasks.params import load_params
from tasks.params.files import atomic_write
from tasks.reporting import build_report


@flow(name="report")
def report(params_file: Path) -> Path:
    """Write reports/index.html, a page that needs no other file; returns its path."""
    params = load_params(params_file)
    page = as_task(build_report, "build-report")(REPORTS, DATA, params)
    path = REPORTS / "index.html"
    with atomic_write(path) as temp:
        temp.write_text(page, encoding="utf-8")
    return path
