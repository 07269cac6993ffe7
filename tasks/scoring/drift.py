"""How far two samples of scores lie apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Scores = NDArray[np.float64]

PSI_BINS = 10
LEAST_SHARE = 1e-4  # of an empty bin, whose logarithm would be infinite


def psi(before: Scores, after: Scores) -> float | None:
    """Return the population stability index over the deciles of `before`; None where a sample is empty.

    Sum over the bins of (q - p) ln(q / p) with shares p before and q after. By custom in credit scoring (Siddiqi,
    Credit Risk Scorecards, 2006) up to 0.1 is no shift and more than 0.2 a large one; of n + n faces from one
    distribution about 18 / n is expected.
    """
    if not len(before) or not len(after):
        return None
    edges = np.unique(np.quantile(before, np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    shares = [_shares(np.searchsorted(edges, sample, side="right"), len(edges) + 1) for sample in (before, after)]
    return psi_of_shares(*shares)


def psi_of_shares(before: Scores, after: Scores) -> float:
    """Return the population stability index of shares that each add up to 1."""
    p, q = np.maximum(before, LEAST_SHARE), np.maximum(after, LEAST_SHARE)
    return float(((q - p) * np.log(q / p)).sum())


def shift(before: Scores, after: Scores) -> dict[str, Any]:
    """Return PSI, the two-sample Kolmogorov-Smirnov distance with its asymptotic p-value, and the means.

    What an empty sample leaves undefined is None. The p-value takes the samples for independent; of one archive scored
    twice they are not, and it is too large.
    """
    figures: dict[str, Any] = {"n_a": len(before), "n_b": len(after), "psi": _rounded(psi(before, after))}
    distance = ks(before, after) if len(before) and len(after) else None
    effective = len(before) * len(after) / max(len(before) + len(after), 1)
    return {
        **figures,
        "ks": _rounded(distance),
        "ks_p": None if distance is None else float(stats.kstwobign.sf(distance * effective**0.5)),
        "mean_a": _rounded(float(before.mean()) if len(before) else None),
        "mean_b": _rounded(float(after.mean()) if len(after) else None),
    }


def ks(before: Scores, after: Scores) -> float:
    """Return the largest distance between the distribution functions of two samples that are not empty."""
    points = np.sort(np.concatenate([before, after]))
    shares = [np.searchsorted(np.sort(sample), points, side="right") / len(sample) for sample in (before, after)]
    return float(np.abs(shares[0] - shares[1]).max())


def rank_correlation(before: Scores, after: Scores) -> float | None:
    """Return Spearman's rho of pairs; None for fewer than three, or where one side is all the same."""
    if len(before) < 3 or np.ptp(before) == 0 or np.ptp(after) == 0:
        return None
    return _rounded(float(stats.spearmanr(before, after).statistic))


def _shares(bins: NDArray[np.int64], number: int) -> Scores:
    return np.bincount(bins, minlength=number) / len(bins)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
