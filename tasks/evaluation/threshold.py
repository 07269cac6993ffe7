"""The decision thresholds, chosen on validation data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FALSE_ALARM_RATE = 0.01


def best_threshold(labels: NDArray[np.integer], p_fake: NDArray[np.floating]) -> float:
    """Return the threshold of the highest balanced accuracy, where `p_fake >= threshold` says fake (label 1).

    `labels` and `p_fake` are (n,), both classes present. It lies halfway between two neighbouring probabilities, so
    that rounding decides nothing; of equally good ones the nearest to 0.5 is taken.
    """
    values, inverse = np.unique(np.asarray(p_fake, np.float64), return_inverse=True)
    fakes = np.bincount(inverse, weights=labels == 1, minlength=len(values))
    reals = np.bincount(inverse, weights=labels == 0, minlength=len(values))
    # Candidate k calls everything from value k upwards fake.
    true_fake = fakes.sum() - np.concatenate([[0.0], np.cumsum(fakes)])
    true_real = np.concatenate([[0.0], np.cumsum(reals)])
    balanced = (true_fake / fakes.sum() + true_real / reals.sum()) / 2
    edges = np.concatenate([[0.0], (values[:-1] + values[1:]) / 2, [1.0]])
    best = np.flatnonzero(balanced >= balanced.max() - 1e-12)
    return float(edges[best[np.argmin(np.abs(edges[best] - 0.5))]])


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
    highest = reals[allowed]
    if highest >= 1.0:
        return float(np.nextafter(np.float32(1), np.float32(2)))
    above = scores[scores > highest].min(initial=1.0)
    middle = np.float32((highest + above) / 2)  # scores are compared as float32, of which there may be none between
    return float(middle if middle > highest else above)
