"""An evaluation on the terminal: what was trained on, held out, perturbed and told without a face, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.evaluation.headline import HELD_OUT, TRAINED_ON, TRIVIAL, WORST

_TITLES = {
    TRAINED_ON: "trained on",
    HELD_OUT: "held out",
    WORST: "worst perturbation",
    TRIVIAL: "trivial baseline",
}
_NAME = 34  # letters of a name that are shown


def lines(report: Mapping[str, Any]) -> list[str]:
    """Return the headline of an evaluation's report as a table, all four kinds of lines or what stands for them."""
    return list(_lines(report["headline"]))


def detector_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the same table of a detector's report, and what it had no answer for."""
    failed = ", ".join(f"{count:,} of {side}" for side, count in report["failed"].items() if count)
    reasons = "; ".join(f"{count:,} times {reason}" for reason, count in report["errors"].items())
    left = [f"{report['detector']}: no answer for {failed} ({reasons})"] if failed else []
    return [*_lines(report["headline"]), *left]


def _lines(headline: Mapping[str, Any]) -> Iterator[str]:
    yield _row("", "faces of", "faces", "AUC", "accuracy", "fakes found", "false alarms")
    for kind, title in _TITLES.items():
        found = [line for line in headline["lines"] if line["kind"] == kind]
        for line in found:
            name = f"{line['name']} against {line['against']}" if line["against"] else line["name"]
            shares = (_percent(line[figure]) for figure in ("accuracy", "hit_rate", "false_alarms"))
            yield _row(title, name, f"{line['n']:,}", _ratio(line), *shares)
        if not found and kind in headline["notes"]:
            yield f"{title:20}{headline['notes'][kind]}"


def _row(title: str, name: str, faces: str, *cells: str) -> str:
    shown = name if len(name) <= _NAME else name[: _NAME - 2] + ".."
    auc, *shares = cells
    return f"{title:20}{shown:{_NAME + 2}}{faces:>7}{auc:>20}" + "".join(f"{share:>14}" for share in shares)


def _ratio(line: Mapping[str, Any]) -> str:
    bounds = line["intervals"].get("roc_auc")
    if line["roc_auc"] is None:
        return "-"
    return f"{line['roc_auc']:.3f}" + (f" [{bounds[0]:.2f}, {bounds[1]:.2f}]" if bounds else "")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
