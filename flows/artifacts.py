"""What a run leaves on Prefect's own pages: the headline as a table, and where the report lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact

from tasks.reporting.evaluation_schemas import EvaluateReport
from tasks.reporting.verdicts import headline_table

HEADLINE, REPORT = "headline", "report"


def leave_headline(report: dict[str, Any]) -> None:
    """Leave what was trained on, held out, perturbed and told without a face, in one table."""
    table = headline_table(EvaluateReport.model_validate(report))
    create_markdown_artifact(table, key=HEADLINE, description="How the model does on its test faces")


def leave_report(page: Path) -> None:
    """Leave where the report lies; browsers do not follow links from a server to a file, so its address is text."""
    create_markdown_artifact(f"`{page.absolute()}`", key=REPORT, description="The report of this workspace")
