"""Pairs of sources that facts of the files tell apart, as a table of fakes by photographs."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.reporting.evaluation_schemas import EvaluateReport, Pair


@dataclass(frozen=True)
class Cell:
    """A pair, how dark its cell is (per cent), and whether a model was trained on both of its sources."""

    pair: Pair
    shade: float
    trained_on: bool


@dataclass(frozen=True)
class Pairs:
    """Sources of photographs, a row of cells for each source of fakes (None: not measured), how many are flagged.

    `advice` is what would change it, each sentence once.
    """

    reals: tuple[str, ...]
    rows: dict[str, tuple[Cell | None, ...]]
    measured: int
    flagged: int
    advice: tuple[str, ...]


def pairs(evaluation: EvaluateReport | None) -> Pairs | None:
    """Return the pairs of the shortcut audit, or None where there are none."""
    found = evaluation.shortcuts.pairs if evaluation and evaluation.shortcuts else []
    if evaluation is None or not found:
        return None
    trained = {name for name, _ in evaluation.of_training(True)}
    cells = {(pair.fakes, pair.reals): _cell(pair, trained) for pair in found}
    reals = tuple(sorted({pair.reals for pair in found}))
    rows = {name: tuple(cells.get((name, real)) for real in reals) for name in sorted({pair.fakes for pair in found})}
    flagged = [pair for pair in found if pair.flagged]
    advice = dict.fromkeys(each for pair in flagged for each in pair.advice.replace("`", "").split("; ") if each)
    return Pairs(reals, rows, len(found), len(flagged), tuple(advice))


def _cell(pair: Pair, trained: set[str]) -> Cell:
    return Cell(pair, max(0.0, 200 * (pair.roc_auc - 0.5)) * 0.6, {pair.fakes, pair.reals} <= trained)
