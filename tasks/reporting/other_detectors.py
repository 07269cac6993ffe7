"""Other detectors (`fauxface evaluate --detector`) beside the model, on the same faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.reporting.evaluation_schemas import DetectorReport, Line
from tasks.reporting.inputs import Inputs, read_json
from tasks.reporting.verdicts import KINDS, strip

MODEL = "this model"


@dataclass(frozen=True)
class Row:
    """The same faces, judged by each of the detectors in turn; None where one has no such line."""

    title: str
    name: str
    against: str | None
    faces: int
    lines: tuple[Line | None, ...]


@dataclass(frozen=True)
class Detectors:
    """Who is compared, the model first; on what; those that were measured on another split, which are not shown."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    reports: tuple[DetectorReport, ...]
    outdated: tuple[str, ...]


def detectors(inputs: Inputs, reports: Path) -> Detectors | None:
    """Return the comparison with every detector in reports/detectors; None without an evaluation or a detector.

    Raises FauxfaceError naming the file when a report is damaged.
    """
    paths = sorted((reports / "detectors").glob("*.json"))
    found = [report for path in paths if (report := read_json(path, DetectorReport, "evaluate")) is not None]
    if not found or inputs.evaluate is None:
        return None
    test = inputs.split.sha256.get("test") if inputs.split else None
    current = tuple(report for report in found if report.test_sha256 == test)
    outdated = tuple(report.detector for report in found if report.test_sha256 != test)
    rows = []
    for place in strip(inputs.evaluate):
        for line in place.lines:
            lines = (line, *(_same(line, report) for report in current))
            rows.append(Row(KINDS[place.kind], line.name, line.against, line.n, lines))
    return Detectors((MODEL, *(report.detector for report in current)), tuple(rows), current, outdated)


def _same(line: Line, report: DetectorReport) -> Line | None:
    """Return the detector's line of the same faces; for the worst perturbation, whichever is the worst for it."""
    alike = [each for each in report.headline.lines if each.kind == line.kind]
    named = [each for each in alike if each.name == line.name or line.kind == "worst_perturbation"]
    return named[0] if named else None
