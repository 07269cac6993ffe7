"""Calibration: the temperature that makes probabilities mean what they say, and how far they are from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

BINS = 15
TEMPERATURES = (0.25, 20.0)


def fit_temperature(labels: NDArray[np.integer], logits: NDArray[np.floating]) -> float:
    """Return T > 0 that minimises the log loss of sigmoid(logit / T); `labels` and `logits` are (n,).

    Temperature scaling of Guo et al. 2017, "On Calibration of Modern Neural Networks". Bounded to TEMPERATURES: a
    split without an error would want T = 0.
    """
    signs = np.where(np.asarray(labels) == 1, -1.0, 1.0)
    margins = signs * np.asarray(logits, np.float64)

    def loss(log_temperature: float) -> float:
        return float(np.mean(np.logaddexp(0.0, margins / np.exp(log_temperature))))

    bounds = (float(np.log(TEMPERATURES[0])), float(np.log(TEMPERATURES[1])))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x))


def reliability(labels: NDArray[np.integer], p_fake: NDArray[np.floating], bins: int = BINS) -> pd.DataFrame:
    """Return the reliability diagram: per equally wide bin that is not empty its centre, n, mean p_fake, fake share."""
    numbers = np.minimum((np.asarray(p_fake, np.float64) * bins).astype(np.int64), bins - 1)
    counts = np.bincount(numbers, minlength=bins)
    filled = np.flatnonzero(counts)
    means = np.bincount(numbers, weights=p_fake, minlength=bins)[filled] / counts[filled]
    shares = np.bincount(numbers, weights=labels, minlength=bins)[filled] / counts[filled]
    return pd.DataFrame({"bin": (filled + 0.5) / bins, "n": counts[filled], "mean_p_fake": means, "fake_share": shares})


def expected_calibration_error(labels: NDArray[np.integer], p_fake: NDArray[np.floating], bins: int = BINS) -> float:
    """Return the mean distance between probability and frequency over the bins, weighted by their counts."""
    table = reliability(labels, p_fake, bins)
    return float(np.average(np.abs(table["mean_p_fake"] - table["fake_share"]), weights=table["n"]))
