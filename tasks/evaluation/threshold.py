"""The decision threshold, chosen on validation data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
