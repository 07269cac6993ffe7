"""What a card takes from the validation split: temperature, thresholds, figures."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.calibration import fit_temperature
from tasks.evaluation.metrics import summary
from tasks.evaluation.threshold import best_threshold, false_alarm_threshold
from tasks.scoring.classifier import probability


class Calibration(NamedTuple):
    """Named as in a card; see ModelCard."""

    temperature: float
    threshold: float
    threshold_false_alarm: float
    valid: dict[str, Any]


def calibration(labels: NDArray[np.integer], logits: NDArray[np.float32]) -> Calibration:
    """Return the temperature that suits validation faces, (n,) `labels` and `logits`, and what follows from it."""
    temperature = fit_temperature(labels, logits)
    p_fake = probability(logits, temperature)
    threshold = best_threshold(labels, p_fake)
    valid = {name: value for name, value in summary(labels, p_fake, threshold).items() if name != "reasons"}
    return Calibration(temperature, threshold, false_alarm_threshold(labels, p_fake), valid)
