"""What stands first wherever an evaluation is shown: the sources trained on, and beside them whatever tempers that.

Four kinds of lines, always together: TRAINED_ON, each source HELD_OUT, the WORST perturbation, the TRIVIAL baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tasks.evaluation.measuring import Judge, baseline_figures, brief
from tasks.evaluation.plots import NAMES
from tasks.evaluation.sets import crossed, held_out

TRAINED_ON, HELD_OUT, WORST, TRIVIAL = "trained_on", "held_out", "worst_perturbation", "trivial_baseline"
RANKING = ("roc_auc", "eer")
NOTHING_HELD_OUT = (
    "No source was held out: these figures say nothing about a generator or a camera that the model has not seen. "
    "Add a data set with `use: test` to params.yaml, or run `fauxface sources`."
)
NOTHING_AT_HOME = (
    "No test face is of a data set that the model was trained on: these are figures of other sources alone."
)
NOT_PERTURBED = "The perturbation grid was not measured. Run `fauxface evaluate` again."


def headline(rows: pd.DataFrame, judge: Judge, worst: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the `lines` of the headline, and `notes` that stand in place of a kind of which there is no line.

    `rows` are the predictions; `worst` is the line of the perturbation that costs most (see grid.py).
    """
    at_home, others = rows[rows["trained_on"]], held_out(rows)
    home = at_home if len(at_home) else rows
    lines = [_home(at_home, judge)] if len(at_home) else []
    lines += [_held_out(name, part, at_home, judge) for name, part in others.items()]
    lines += [{"kind": WORST, **worst}] if worst else []
    lines.append({"kind": TRIVIAL, "name": _names(home), "against": None, **brief(home, judge, "p_trivial")})
    words = {TRAINED_ON: NOTHING_AT_HOME, HELD_OUT: NOTHING_HELD_OUT, WORST: NOT_PERTURBED}
    kinds = {line["kind"] for line in lines}
    return {"lines": lines, "notes": {kind: note for kind, note in words.items() if kind not in kinds}}


def _home(rows: pd.DataFrame, judge: Judge) -> dict[str, Any]:
    own = {"against": None, **brief(rows, judge), "baseline": baseline_figures(rows, judge)}
    return {"kind": TRAINED_ON, "name": _names(rows), **own}


def _held_out(name: str, rows: pd.DataFrame, at_home: pd.DataFrame, judge: Judge) -> dict[str, Any]:
    """Return the line of a source: rates of its own faces, its ranking against the other class where it has one only.

    `against` says whose faces those are, in words.
    """
    line = {"kind": HELD_OUT, "name": name, "against": None, **brief(rows, judge)}
    together = crossed(rows, at_home)
    if together is None:
        return {**line, "baseline": baseline_figures(rows, judge)}
    ranked = brief(together, judge)
    bounds = {**line["intervals"], **{figure: ranked["intervals"][figure] for figure in RANKING}}
    other = NAMES[1 - int(rows["label"].iloc[0])]
    return {
        **line,
        **{figure: ranked[figure] for figure in RANKING},
        "against": f"in-domain {other} faces",
        "intervals": bounds,
        "baseline": baseline_figures(together, judge),
    }


def _names(rows: pd.DataFrame) -> str:
    return ", ".join(sorted(rows["dataset"].unique()))
