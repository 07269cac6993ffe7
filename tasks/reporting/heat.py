"""The perturbation grid as the page shows it: a row for each perturbation, shaded by what is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.reporting.evaluation_schemas import Brief, EvaluateReport, GridCell
from tasks.reporting.report_schemas import Interval

TITLES = {"trained_on": "Trained on", "held_out": "Held out"}
FULL = 0.5  # a loss of the ROC-AUC that gets the darkest shade: from perfect to chance
DARKEST = 85.0  # per cent of the colour


@dataclass(frozen=True)
class Cell:
    """One perturbation on one set of faces; `shade` is per cent of the darkest colour."""

    name: str
    roc_auc: float | None
    hit_rate: float | None
    false_alarms: float | None
    drop: float | None
    interval: Interval
    shade: float


@dataclass(frozen=True)
class HeatPlace:
    """The faces trained on, or held out: their figures without a perturbation, and a cell for each."""

    title: str
    clean: Brief
    cells: tuple[Cell, ...]


def heat_places(evaluation: EvaluateReport | None) -> list[HeatPlace]:
    """Return what was measured of the grid, the faces trained on first."""
    found = evaluation.grid if evaluation else None
    if found is None:
        return []
    return [
        HeatPlace(title, found.sets[kind].clean, tuple(_cell(each) for each in found.sets[kind].cells))
        for kind, title in TITLES.items()
        if kind in found.sets
    ]


def by_perturbation(places: Sequence[HeatPlace]) -> dict[str, list[Cell]]:
    """Return the cells of each perturbation, one for each of `places`."""
    rows: dict[str, list[Cell]] = {}
    for place in places:
        for cell in place.cells:
            rows.setdefault(cell.name, []).append(cell)
    return {name: cells for name, cells in rows.items() if len(cells) == len(places)}


def _cell(each: GridCell) -> Cell:
    drop = each.drop.roc_auc
    shade = DARKEST * min(max((drop or 0.0) / FULL, 0.0), 1.0)
    figures = (each.roc_auc, each.hit_rate, each.false_alarms)
    return Cell(each.name, *figures, drop, each.drop.interval, shade)
