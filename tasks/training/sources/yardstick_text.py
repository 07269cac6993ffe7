"""The yardstick's table in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEAD = ("left out", "family", "fakes", "photos", "AUC", "", "missed", "false alarms", "trivial AUC")
NONE = "-"


def table(report: Mapping[str, Any]) -> list[str]:
    """Return the lines of reports/sources.json: every left-out source, the worst AUC first, and the means."""
    rows = [_row(row, report["families"]) for row in sorted(_sources(report), key=_worst_first)]
    return [*_aligned([HEAD, *rows]), "", *_means(report["summary"], report["by"])]


def _sources(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [row for fold in report["folds"] for row in fold["new"]]


def _worst_first(row: Mapping[str, Any]) -> tuple[bool, float]:
    """Sources of fakes by their AUC, then those of photographs alone by their false alarms."""
    auc = row["model"]["auc"]
    return auc is None, -(row["model"]["false_alarms"] or 0) if auc is None else auc


def _row(row: Mapping[str, Any], families: Mapping[str, str | None]) -> tuple[str, ...]:
    model = row["model"]
    return (
        row["dataset"],
        families.get(row["dataset"]) or NONE,
        str(row["fakes"] or NONE),
        str(row["photographs"] or NONE),
        number(model["auc"]),
        bounds(model["auc_interval"]),
        number(model["misses"]),
        f"{number(model['false_alarms'])} {bounds(model['false_alarms_interval'])}".strip(),
        number(row["trivial"]["auc"]),
    )


def _means(summary: Mapping[str, Any], by: str) -> list[str]:
    names = {
        "known_auc": "AUC of known sources",
        "new_auc": f"AUC of a new {by}",
        "known_false_alarms": "false alarms on known photographs",
        "new_false_alarms": "false alarms on new photographs",
    }
    lines = []
    for key, name in names.items():
        mean, trivial = (summary[who][key] for who in ("model", "trivial"))
        lines.append(
            f"{name}: {number(mean['mean'])} {bounds(mean['interval'])} (trivial features {number(trivial['mean'])})"
        )
    return lines


def number(value: float | None) -> str:
    """Return a share or an AUC with three digits, `-` for none."""
    return NONE if value is None else f"{value:.3f}"


def bounds(interval: list[float] | None) -> str:
    """Return an interval, an empty text for none."""
    return "" if interval is None else f"[{interval[0]:.2f}, {interval[1]:.2f}]"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
