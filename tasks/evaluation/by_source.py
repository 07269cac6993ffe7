"""Each source of fakes against the same photographs, and each source of photographs against the same fakes.

Rows of the table differ in one thing only, and so can be compared with each other.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from tasks.evaluation.measuring import Judge, baseline_figures, brief
from tasks.evaluation.plots import NAMES
from tasks.evaluation.sets import by_dataset


def by_source(rows: pd.DataFrame, judge: Judge) -> dict[str, Any]:
    """Return for `fakes` and `reals` what they were set `against`, and the figures of each of their `sources`.

    They are set against the other class's faces of sources that were held out; where there are none, of those trained
    on (`held_out` says which). A source that cannot be compared, since the other class has no face, has no AUC.
    """
    return {f"{NAMES[label]}s": _side(rows, label, judge) for label in (1, 0)}


def _side(rows: pd.DataFrame, label: int, judge: Judge) -> dict[str, Any]:
    others = rows[rows["label"] != label]
    unseen = others[~others["trained_on"]]
    against = unseen if len(unseen) else others
    counts = {name: len(part) for name, part in by_dataset(against).items()}
    sources = by_dataset(rows[rows["label"] == label])
    return {
        "against": {"held_out": bool(len(unseen)), "n": len(against), "datasets": counts},
        "sources": {name: _source(part, against, judge) for name, part in sources.items()},
    }


def _source(rows: pd.DataFrame, against: pd.DataFrame, judge: Judge) -> dict[str, Any]:
    together = pd.concat([rows, against], ignore_index=True)
    trivial = baseline_figures(together, judge)
    return {"trained_on": bool(rows["trained_on"].iloc[0]), **brief(together, judge), "baseline": trivial}
