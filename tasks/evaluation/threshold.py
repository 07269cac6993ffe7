"""The decision thresholds, chosen on validation data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, ndtr

FALSE_ALARM_RATE = 0.01
ANSWER_RATE = 0.05  # of misses and of false alarms that the answers `real` and `fake` may have
CANDIDATES = 1000  # thresholds that are tried at most, evenly among the neighbours
NARROWEST = 1e-6  # kernel of a class whose faces have all the same logit


def best_threshold(labels: NDArray[np.integer], p_fake: NDArray[np.floating]) -> float:
    """Return the threshold of the highest balanced accuracy, where `p_fake >= threshold` says fake (label 1).

    `labels` and `p_fake` are (n,), both classes present. Balanced accuracy is that of both classes' logits smoothed by
    a normal kernel each (Fluss, Faraggi and Reiser, 2005, "Estimation of the Youden Index and its associated cutoff
    point"): of a few hundred faces the steps themselves have their maximum almost anywhere along a flat top, which
    moves the rate of false alarms by tenths, and other faces do not confirm it (docs/research-log.md). The threshold
    lies halfway between two neighbouring probabilities, so that rounding decides nothing; of equally good ones the
    nearest to 0.5 is taken, the higher of two. So nothing is called fake where all faces have the same probability.
    """
    scores = np.asarray(p_fake, np.float64)
    values = np.unique(scores)
    edges = np.concatenate([[0.0], (values[:-1] + values[1:]) / 2, [1.0]])
    edges = edges[np.linspace(0, len(edges) - 1, min(len(edges), CANDIDATES)).round().astype(int)]
    points = _logits(edges)
    above = [_smoothed_share_above(points, _logits(scores[np.asarray(labels) == label])) for label in (0, 1)]
    gain = above[1] - above[0]  # 2 x balanced accuracy - 1, Youden's index
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    return float(min(edges[best][::-1], key=lambda edge: abs(edge - 0.5)))


def _smoothed_share_above(points: NDArray[np.float64], logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of a class that is above each of the points, as its kernel density estimate has it.

    The kernel's deviation follows Silverman (1986): 0.9 x the deviation of the logits, or what their quartiles say of
    it if that is less, x n^(-1/5).
    """
    quartiles = np.quantile(logits, [0.25, 0.75])
    spreads = [spread for spread in (logits.std(), (quartiles[1] - quartiles[0]) / 1.34) if spread > 0]
    width = max(0.9 * min(spreads, default=0.0) * len(logits) ** -0.2, NARROWEST)
    return np.array([ndtr((logits - point) / width).mean() for point in points])


def _logits(p_fake: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logits of probabilities, which may be 0 and 1: no further out than float32 can tell."""
    return np.asarray(logit(np.clip(p_fake, 1e-7, 1 - 1e-7)), np.float64)


def false_alarm_threshold(
    labels: NDArray[np.integer], p_fake: NDArray[np.floating], rate: float = FALSE_ALARM_RATE
) -> float:
    """Return the lowest threshold at which at most a `rate` of the reals (label 0) has `p_fake >= threshold`.

    `labels` and `p_fake` are (n,), with one real at least. It lies halfway between the highest real that must stay
    below it and the next probability above that, so that rounding decides nothing; where a real that must stay below
    it has p_fake 1, it is the next number above 1 and nothing is called fake.

    Of fewer than 1 / rate reals none may be called fake, and the most suspicious of them decides alone. Nor do few
    reals prove the rate: of n without a false alarm, up to 3 / n of others may give one, with 95 % confidence (the rule
    of three; Hanley and Lippman-Hand, 1983). 300 reals are the least that say "at most 1 %".
    """
    scores = np.asarray(p_fake, np.float64)
    reals = np.sort(scores[np.asarray(labels) == 0])[::-1]
    allowed = int(rate * len(reals) + 1e-9)  # 0.29 * 100 is a little less than 29
    return _just_above(float(reals[allowed]), scores)


def answer_bounds(
    labels: NDArray[np.integer], p_fake: NDArray[np.floating], sources: NDArray[Any], rate: float = ANSWER_RATE
) -> tuple[float, float]:
    """Return `real_below` and `fake_from`, p_fake below and from which an answer is given rather than `unsure`.

    At most a `rate` of the fakes is below the first, and of the reals not below the second. A class's sources count
    alike, however many faces they have, since the next source is none of these: a large one would decide alone.
    `labels`, `p_fake` and `sources` are (n,), both classes present. Where the classes lie far apart the first may be
    the higher.
    """
    scores, is_fake = np.asarray(p_fake, np.float64), np.asarray(labels) == 1
    highest = _allowed_up_to(scores[~is_fake], _equal_shares(np.asarray(sources)[~is_fake]), rate)
    lowest = -_allowed_up_to(-scores[is_fake], _equal_shares(np.asarray(sources)[is_fake]), rate)
    below = scores[scores < lowest].max(initial=0.0)
    middle = np.float32((lowest + below) / 2)
    return float(middle if below < middle <= lowest else lowest), _just_above(highest, scores)


def own_threshold(p_fake: NDArray[np.floating], rate: float) -> float:
    """Return the threshold that calls another photograph like these, (n,) with at least `needed_for(rate)`, fake with
    a probability of at most `rate`, wherever it is drawn from the same ones (Vovk, Gammerman and Shafer, 2005).

    It lies above all but the highest `rate` x (n + 1) - 1 of these.
    """
    scores = np.sort(np.asarray(p_fake, np.float64))[::-1]
    highest = float(scores[int(rate * (len(scores) + 1) + 1e-9) - 1])
    if highest >= scores[0]:  # nothing says how far above it a fake begins
        return float(np.nextafter(np.float32(highest), np.float32(2)))
    return _just_above(highest, scores)


def needed_for(rate: float) -> int:
    """Return how many photographs a threshold of so few false alarms needs: of fewer the highest may be any."""
    return math.ceil(1 / rate - 1e-9) - 1


def _just_above(value: float, scores: NDArray[np.float64]) -> float:
    """Return a threshold halfway between `value` and the next higher score; above 1 where `value` is 1."""
    if value >= 1.0:
        return float(np.nextafter(np.float32(1), np.float32(2)))
    above = scores[scores > value].min(initial=1.0)
    middle = np.float32((value + above) / 2)  # scores are compared as float32, of which there may be none between
    return float(middle if middle > value else above)


def _allowed_up_to(scores: NDArray[np.float64], weights: NDArray[np.float64], rate: float) -> float:
    """Return the highest score that must stay below a threshold, for at most `rate` of the weight to be above it."""
    order = np.argsort(-scores, kind="stable")
    over = np.cumsum(weights[order]) > rate + 1e-9
    return float(scores[order][np.argmax(over)])


def _equal_shares(sources: NDArray[Any]) -> NDArray[np.float64]:
    """Return a weight for each row, together 1, by which each source has the same."""
    _, places, counts = np.unique(sources.astype(str), return_inverse=True, return_counts=True)
    return 1 / (len(counts) * counts[places].astype(np.float64))
