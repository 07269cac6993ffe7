"""95 % intervals by the bootstrap, drawn by group: images of one person or one video are no independent evidence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from tasks.evaluation.metrics import FALSE_ALARM_PERCENTS

INTERVALS = (
    "accuracy",
    "accuracy_fake",
    "accuracy_real",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "eer",
    "hit_rate_at_1",
    "hit_rate_at_5",
)
PERCENTILES = (2.5, 97.5)
# Rows times resamplings held at once.
CHUNK = 4_000_000

Floats = NDArray[np.float64]


def intervals(
    labels: NDArray[np.integer],
    p_fake: NDArray[np.floating],
    groups: NDArray[np.object_],
    threshold: float,
    resamples: int,
    seed: int,
) -> dict[str, list[float] | None]:
    """Return [low, high] of each figure in INTERVALS, over `resamples` draws of the groups with replacement.

    `labels`, `p_fake` and `groups` are (n,). Percentile bootstrap (Efron & Tibshirani 1993, chapter 13) of whole
    groups. A draw without rows of a class says nothing about what needs both; None where no draw does, or where there
    are fewer than two groups.
    """
    _, group = np.unique(groups.astype(str), return_inverse=True)
    if group.max(initial=-1) < 1:
        return dict.fromkeys(INTERVALS)
    draws = [_figures(weights, labels, p_fake, threshold) for weights in _weights(group, resamples, seed)]
    return {name: _interval(np.concatenate([draw[name] for draw in draws])) for name in INTERVALS}


def auc_drop(
    labels: NDArray[np.integer],
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    groups: NDArray[np.object_],
    resamples: int,
    seed: int,
) -> tuple[float | None, list[float] | None]:
    """Return by how much the AUC of `after` is below that of `before` on the same faces, and [low, high] of that.

    All are (n,). Both are drawn together, so that what the faces have in common does not count as doubt.
    """
    is_fake = labels == 1
    if is_fake.all() or not is_fake.any():
        return None, None
    once = np.ones((1, len(labels)))
    drop = float(_ranking(once, is_fake, before)["roc_auc"][0] - _ranking(once, is_fake, after)["roc_auc"][0])
    _, group = np.unique(groups.astype(str), return_inverse=True)
    if group.max() < 1:
        return drop, None
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = [
            _ranking(weights, is_fake, before)["roc_auc"] - _ranking(weights, is_fake, after)["roc_auc"]
            for weights in _weights(group, resamples, seed)
        ]
    return drop, _interval(np.concatenate(draws))


def _weights(group: NDArray[np.intp], resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each row was drawn, (draws, n), a chunk of draws at a time."""
    random = np.random.default_rng(seed)
    groups = int(group.max()) + 1
    step = max(CHUNK // len(group), 1)
    for start in range(0, resamples, step):
        drawn = random.multinomial(groups, np.full(groups, 1 / groups), size=min(step, resamples - start))
        yield drawn[:, group].astype(np.float64)


def _figures(
    weights: Floats, labels: NDArray[np.integer], p_fake: NDArray[np.floating], threshold: float
) -> dict[str, Floats]:
    """Return the figures of INTERVALS for each draw, (draws,); NaN where a draw cannot give one."""
    is_fake, says_fake = labels == 1, p_fake >= threshold
    fake_fake, fake_real = (weights @ (is_fake & says).astype(float) for says in (says_fake, ~says_fake))
    real_fake, real_real = (weights @ (~is_fake & says).astype(float) for says in (says_fake, ~says_fake))
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, true_real = fake_fake / (fake_fake + fake_real), real_real / (real_real + real_fake)
        both = np.where(np.isnan(recall) | np.isnan(true_real), np.nan, 1.0)
        return {
            "accuracy": (fake_fake + real_real) / weights.sum(axis=1),
            "accuracy_fake": recall,
            "accuracy_real": true_real,
            "balanced_accuracy": (recall + true_real) / 2,
            "precision": both * fake_fake / (fake_fake + real_fake),
            "recall": both * recall,
            "f1": both * 2 * fake_fake / (2 * fake_fake + fake_real + real_fake),
            **_ranking(weights, is_fake, p_fake),
        }


def _ranking(weights: Floats, is_fake: NDArray[np.bool_], p_fake: NDArray[np.floating]) -> dict[str, Floats]:
    """Return what comes of the order of the rows in each draw, rows with equal probability counted as ties."""
    order = np.argsort(-np.asarray(p_fake, np.float64), kind="stable")
    ranked = np.asarray(p_fake)[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    sorted_weights = weights[:, order]
    fakes = np.add.reduceat(sorted_weights * is_fake[order], starts, axis=1)
    reals = np.add.reduceat(sorted_weights * ~is_fake[order], starts, axis=1)
    fakes_above, reals_above = np.cumsum(fakes, axis=1), np.cumsum(reals, axis=1)
    n_fake, n_real = fakes_above[:, -1], reals_above[:, -1]
    reals_below = n_real[:, None] - reals_above
    auc = np.sum(fakes * (reals_below + reals / 2), axis=1) / (n_fake * n_real)
    called = fakes_above + reals_above
    precision = np.divide(fakes_above, called, out=np.zeros_like(called), where=called > 0)
    average_precision = np.sum(fakes * precision, axis=1) / n_fake
    both = (n_fake > 0) & (n_real > 0)
    curve = _curve(reals_above / n_real[:, None], fakes_above / n_fake[:, None])
    found = {"average_precision": average_precision, **curve}
    return {"roc_auc": auc, **{name: np.where(both, values, np.nan) for name, values in found.items()}}


def _curve(fpr: Floats, tpr: Floats) -> dict[str, Floats]:
    """Return for each draw what metrics.py reads off a ROC curve, whose points after (0, 0) are (draws, points)."""
    hits = {
        f"hit_rate_at_{percent}": np.max(np.where(fpr <= percent / 100 + 1e-9, tpr, 0.0), axis=1)
        for percent in FALSE_ALARM_PERCENTS
    }
    above, draws = np.argmax(fpr + tpr >= 1, axis=1), np.arange(len(fpr))
    before = np.maximum(above - 1, 0)
    first_fpr, first_tpr = (np.where(above > 0, rate[draws, before], 0.0) for rate in (fpr, tpr))
    last_fpr, last_tpr = fpr[draws, above], tpr[draws, above]
    share = (1 - first_fpr - first_tpr) / (last_fpr + last_tpr - first_fpr - first_tpr)
    return {"eer": first_fpr + share * (last_fpr - first_fpr), **hits}


def _interval(draws: Floats) -> list[float] | None:
    known = draws[np.isfinite(draws)]
    return [float(value) for value in np.percentile(known, PERCENTILES)] if len(known) else None


def clopper_pearson(hits: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate of which `hits` in `n` >= 1 independent trials are known.

    Clopper and Pearson, 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial".
    """
    low, high = ((100 - PERCENTILES[1]) / 100, PERCENTILES[1] / 100)
    lower = beta.ppf(low, hits, n - hits + 1) if hits else 0.0
    upper = beta.ppf(high, hits + 1, n - hits) if hits < n else 1.0
    return float(lower), float(upper)
