"""The shortcut audit: which facts of a file give its label away, over all and between every two sources.

A fact counts by what it tells alone (the AUC of its order), and by what the trivial baseline loses when it is dealt out
anew among the faces (permutation importance; Breiman, 2001, "Random forests"). The baseline misses neither of two facts
that say the same; alone both tell it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from tasks.evaluation.baseline import FEATURES, TrivialBaseline
from tasks.evaluation.confidence import auc_drop, intervals
from tasks.params import EvaluateParams

Floats = NDArray[np.float64]

FLAGGED = 0.7  # of the baseline's AUC between two sources, with an interval above chance
LEAST_DROP = 0.03  # of the AUC; a fact that costs less gives nothing away by itself
FOLDS = 3
EACH = 120  # faces of a source that stand for it in a pair
FEWEST, FEWEST_GROUPS = 20, 6  # below, a pair says nothing
MOST_PAIRS = 60
RESAMPLES = 200
SHUFFLES = 2
_ENCODING = {"jpeg_quality", "format", "file_bytes"}
_SIZE = {"width", "height"}


def audit(train: pd.DataFrame, test: pd.DataFrame, params: EvaluateParams, reencode: int | None) -> dict[str, Any]:
    """Return `facts`, what the baseline that learnt from `train` owes to each fact on `test`; and `pairs` of sources.

    Both have FEATURES, `label`, `group`, `dataset` and `face_id`. A pair is the fakes of one data set against the reals
    of one: a baseline that is fitted to them alone, on other groups, has `roc_auc`; above FLAGGED it is `flagged`, with
    the `facts` that do it and what to do in a sentence, `advice`. `reencode` is the crops' own. `left_out` counts pairs
    beyond MOST_PAIRS.
    """
    rows = pd.concat([train, test], ignore_index=True)
    sides = [_sources(rows[rows["label"] == label]) for label in (1, 0)]
    pairs = list(product(*(side.items() for side in sides)))
    found = [_pair(fakes, reals, params, reencode) for fakes, reals in pairs[:MOST_PAIRS]]
    return {
        "facts": _facts(TrivialBaseline(params.seed).fit(train), test, params),
        "pairs": sorted(found, key=lambda pair: (-pair["roc_auc"], pair["fakes"], pair["reals"])),
        "left_out": max(len(pairs) - MOST_PAIRS, 0),
    }


def _sources(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return at most EACH faces of each data set that has enough, chosen by their ids."""
    order = rows["face_id"].map(lambda face: hashlib.sha256(str(face).encode()).hexdigest())
    chosen = rows.assign(order=order).sort_values("order", kind="stable").drop(columns="order")
    parts = {str(name): part.head(EACH) for name, part in chosen.groupby("dataset", sort=True)}
    return {name: part for name, part in parts.items() if _speaks(part)}


def _speaks(rows: pd.DataFrame) -> bool:
    """Whether a source has faces and groups enough to be fitted to some and asked about others."""
    return len(rows) >= FEWEST and rows["group"].nunique() >= FEWEST_GROUPS


def _pair(
    fakes: tuple[str, pd.DataFrame], reals: tuple[str, pd.DataFrame], params: EvaluateParams, reencode: int | None
) -> dict[str, Any]:
    rows = pd.concat([fakes[1], reals[1]], ignore_index=True)
    labels, groups = rows["label"].to_numpy(), rows["group"].to_numpy(object)
    fitted = list(_fitted(rows, params.seed))
    scores = _asked(rows, fitted, None, params.seed)
    auc, bounds = _auc(labels, scores), intervals(labels, scores, groups, 0.5, RESAMPLES, params.seed)["roc_auc"]
    flagged = auc > FLAGGED and bounds is not None and bounds[0] > 0.5
    facts = []
    if flagged:
        dealt = {name: _asked(rows, fitted, name, params.seed) for name in FEATURES}
        facts = _named([{"fact": name, **_told(rows, name, scores, dealt[name], params)} for name in FEATURES])
    advice = _advice([fact["fact"] for fact in facts], reencode) if flagged else ""
    return {
        "fakes": fakes[0], "reals": reals[0], "n": len(rows), "roc_auc": auc, "interval": bounds, "flagged": flagged,
        "facts": facts, "advice": advice,
    }  # fmt: skip


def _fitted(rows: pd.DataFrame, seed: int) -> Iterator[tuple[TrivialBaseline, NDArray[np.intp]]]:
    """Yield baselines with the rows of groups that each was not fitted to."""
    labels, groups = rows["label"].to_numpy(), rows["group"].astype(str).to_numpy()
    for known, asked in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(rows, labels, groups):
        if len(np.unique(labels[known])) == 2:
            yield TrivialBaseline(seed).fit(rows.iloc[known]), asked


def _asked(
    rows: pd.DataFrame, fitted: Sequence[tuple[TrivialBaseline, NDArray[np.intp]]], dealt: str | None, seed: int
) -> Floats:
    """Return p_fake of each row by the baseline that does not know it, with the fact `dealt` dealt out anew."""
    scores = np.full(len(rows), 0.5)
    for baseline, asked in fitted:
        part = rows.iloc[asked]
        scores[asked] = baseline.p_fake(part) if dealt is None else _without(baseline, part, dealt, seed)
    return np.asarray(scores)


def _facts(baseline: TrivialBaseline, rows: pd.DataFrame, params: EvaluateParams) -> list[dict[str, Any]]:
    if rows["label"].nunique() < 2:
        return []
    scores = baseline.p_fake(rows)
    dealt = {name: _without(baseline, rows, name, params.seed) for name in FEATURES}
    return [{"fact": name, **_told(rows, name, scores, dealt[name], params)} for name in FEATURES]


def _without(baseline: TrivialBaseline, rows: pd.DataFrame, fact: str, seed: int) -> Floats:
    """Return the mean p_fake over SHUFFLES deals of a fact among the rows."""
    rng = np.random.default_rng(seed)
    total = np.zeros(len(rows))
    for _ in range(SHUFFLES):
        dealt = rows[fact].to_numpy()[rng.permutation(len(rows))]
        total += baseline.p_fake(rows.assign(**{fact: dealt}))
    return np.asarray(total / SHUFFLES)


def _told(rows: pd.DataFrame, fact: str, before: Floats, after: Floats, params: EvaluateParams) -> dict[str, Any]:
    """Return what a fact tells `alone`, and the `drop` of the AUC where it is dealt out, with its interval."""
    labels, groups = rows["label"].to_numpy(), rows["group"].to_numpy(object)
    drop, interval = auc_drop(labels, before, after, groups, RESAMPLES, params.seed)
    auc = _auc(labels, _ordered(rows[fact]))
    return {"alone": max(auc, 1 - auc), "drop": drop, "interval": interval}


def _ordered(fact: pd.Series[Any]) -> Floats:
    """Return a fact as numbers: names by their alphabet, what is missing before all."""
    if fact.dtype == object or isinstance(fact.dtype, pd.StringDtype):
        return np.asarray(pd.Categorical(fact).codes, np.float64)
    return np.asarray(fact.astype("float64").fillna(-1.0), np.float64)


def _named(facts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the facts that give a label away, the one that tells most first; if none does alone, the strongest."""
    ordered = sorted(facts, key=lambda fact: -max(fact["alone"] - 0.5, fact["drop"] or 0.0))
    return [each for each in ordered if each["alone"] > FLAGGED or (each["drop"] or 0.0) >= LEAST_DROP] or ordered[:1]


def _advice(facts: Sequence[str], reencode: int | None) -> str:
    """Return in a sentence what would change that these facts tell the two apart."""
    parts = []
    if _ENCODING & set(facts) and reencode is None:
        parts.append("set crop.reencode, so that all crops share their last encoding")
    elif _ENCODING & set(facts):
        parts.append(
            f"crop.reencode ({reencode}) hides the container, not what the first encoding left in the pixels: a recipe "
            "with `equalise` draws quality and size anew for every training face"
        )
    if _SIZE & set(facts):
        parts.append("crops have one size, but what was enlarged is smooth: `equalise` scales training faces of both")
    if {"sharpness", "corner_variance"} & set(facts):
        parts.append("sharpness or background differs in the pixels themselves: only other data change that")
    return "; ".join(parts)


def _auc(labels: NDArray[np.integer], scores: Floats) -> float:
    ranks = pd.Series(scores).rank().to_numpy()
    n_fake = int((labels == 1).sum())
    return float((ranks[labels == 1].sum() - n_fake * (n_fake + 1) / 2) / (n_fake * (len(labels) - n_fake)))
