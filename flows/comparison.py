"""What a scoring is compared with by itself: the last complete one of its archive; and who is told when it moved."""

from __future__ import annotations

import sys
from typing import Any

from prefect.events import emit_event

from flows.runners import as_task
from flows.workspace import REPORTS
from tasks.params import CompareParams, FauxfaceError
from tasks.scoring.compare import compare, comparison_folder, known_comparison
from tasks.scoring.compare import warnings as passed_limits
from tasks.scoring.ledger import Scoring

EVENT = "fauxface.scores.shifted"


def compare_with_last(last: Scoring, scoring: Scoring, limits: CompareParams, *, fresh: bool) -> dict[str, Any]:
    """Return in short how `scoring` differs from the `last` one of its archive, which is worked out once.

    Where it is `fresh`, `alarm` says whether it moved beyond `limits`, and that is said on standard error and as a
    Prefect event. A scoring that was compared before is not worth another alarm.
    """
    known = None if fresh else known_comparison(last, scoring, REPORTS)
    try:
        comparison = known or as_task(compare, "compare-scores")(last, scoring, limits, REPORTS)
    except FauxfaceError as error:  # the scores are complete; that older ones are damaged must not cost them
        _say(f"{scoring} could not be compared with {last}: {error}")
        return {"with": str(last), "error": str(error), "alarm": False}
    found = passed_limits(comparison, limits)
    alarm = bool(found) and known is None
    if alarm:
        _tell(last, scoring, found)
    return {
        "with": str(last),
        "psi": comparison["shift"]["overall"]["psi"],
        "flips": comparison["flips"]["rate"],
        "spearman": comparison["spearman"],
        "no_face": comparison["no_face"]["difference"],
        "warnings": found,
        "alarm": alarm,
        "files": comparison_folder(last, scoring, REPORTS).as_posix(),
    }


def _tell(last: Scoring, scoring: Scoring, found: list[str]) -> None:
    message = f"{scoring} moved against {last}: {'; '.join(found)}."
    _say(f"WARNING: {message}")
    resource = {"prefect.resource.id": f"fauxface.archive.{scoring.name}", "prefect.resource.name": scoring.name}
    emit_event(EVENT, resource, payload={"scoring": str(scoring), "last": str(last), "warnings": found})


def _say(message: str) -> None:
    print(f"fauxface: {message}", file=sys.stderr, flush=True)  # noqa: T201
