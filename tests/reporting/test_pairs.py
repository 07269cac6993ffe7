"""Pairs of sources that facts tell apart: every pair in its cell, advice once, pairs trained on in bold."""

from __future__ import annotations

from typing import Any

from tasks.reporting.evaluation_schemas import EvaluateReport
from tasks.reporting.pairs import pairs


def pair(fakes: str, reals: str, auc: float, advice: str = "") -> dict[str, Any]:
    fact = {"fact": "width", "alone": auc, "drop": None}
    return {
        "fakes": fakes,
        "reals": reals,
        "n": 40,
        "roc_auc": auc,
        "flagged": bool(advice),
        "facts": [fact] if advice else [],
        "advice": advice,
    }


def judged(workspace: Any, found: list[dict[str, Any]]) -> EvaluateReport:
    content = workspace.report("evaluate.json")
    return EvaluateReport.model_validate({**content, "shortcuts": {"pairs": found}})


def test_each_pair_has_its_cell_and_each_advice_one_line(finished: Any) -> None:
    found = [
        pair("photos", "photos", 0.52),
        pair("elsewhere", "photos", 0.99, "crop again; use `equalise`"),
        pair("elsewhere", "third", 0.8, "use `equalise`"),
    ]
    table = pairs(judged(finished, found))
    assert table is not None
    assert (table.reals, table.measured, table.flagged) == (("photos", "third"), 3, 2)
    assert table.advice == ("crop again", "use equalise")
    assert [cell and cell.pair.roc_auc for cell in table.rows["elsewhere"]] == [0.99, 0.8]
    own, missing = table.rows["photos"]
    assert own is not None
    assert missing is None
    assert own.trained_on
    assert own.shade < 5
    other = table.rows["elsewhere"][0]
    assert other is not None
    assert not other.trained_on
    assert other.shade > 50


def test_without_pairs_there_is_no_table(finished: Any) -> None:
    assert pairs(judged(finished, [])) is None
    assert pairs(None) is None
