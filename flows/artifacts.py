"""What a run leaves on Prefect's own pages: the headline as a table, a sheet of evidence, and where the report lies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from prefect.artifacts import create_image_artifact, create_markdown_artifact

from flows.surroundings import host_of, is_loopback
from tasks.reporting.evaluation_schemas import EvaluateReport
from tasks.reporting.pictures import reduced_uri
from tasks.reporting.verdicts import headline_table

HEADLINE, REPORT, SHEET = "headline", "report", "sheet"
WIDTH = 1000  # pixels of the sheet's picture


def leave_headline(report: dict[str, Any]) -> None:
    """Leave what was trained on, held out, perturbed and told without a face, in one table."""
    table = headline_table(EvaluateReport.model_validate(report))
    create_markdown_artifact(table, key=HEADLINE, description="How the model does on its test faces")


def leave_report(page: Path) -> None:
    """Leave where the report lies; browsers do not follow links from a server to a file, so its address is text."""
    create_markdown_artifact(f"`{page.absolute()}`", key=REPORT, description="The report of this workspace")


def leave_sheet(folder: Path, kinds: dict[str, int]) -> None:
    """Leave the first sheet in `folder` that has faces, small, on a server of this machine alone: it shows people."""
    name = next((kind for kind, faces in kinds.items() if faces), None)
    if name is None or not is_loopback(host_of(os.environ.get("PREFECT_API_URL", ""))):
        return
    address = reduced_uri(folder / f"{name}.png", WIDTH)
    if address is not None:
        create_image_artifact(address, key=SHEET, description=f"Faces with their evidence: {name}")
