"""The figures of a binary classifier on one set of rows; label 1 = fake is the positive class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from tasks.evaluation.calibration import expected_calibration_error

FALSE_ALARM_PERCENTS = (1, 5)
ONE_CLASS = "one class only ({}): there is no ranking of fakes against reals to measure"


def confusion(labels: NDArray[np.integer], p_fake: NDArray[np.floating], threshold: float) -> dict[str, int]:
    """Return the four counts at a threshold; `p_fake >= threshold` says fake, in float64 as scoring does."""
    says_fake = np.asarray(p_fake, np.float64) >= threshold
    is_fake = np.asarray(labels) == 1
    return {
        "fake_as_fake": int(np.sum(is_fake & says_fake)),
        "fake_as_real": int(np.sum(is_fake & ~says_fake)),
        "real_as_fake": int(np.sum(~is_fake & says_fake)),
        "real_as_real": int(np.sum(~is_fake & ~says_fake)),
    }


def rates(labels: NDArray[np.integer], p_fake: NDArray[np.floating], threshold: float) -> dict[str, float | None]:
    """Return accuracy, false-alarm rate (`fpr`, reals called fake) and hit rate (`tpr`, fakes called fake); n >= 1.

    A rate of a class that the rows do not have is None.
    """
    counts = confusion(labels, p_fake, threshold)
    fakes = counts["fake_as_fake"] + counts["fake_as_real"]
    reals = counts["real_as_fake"] + counts["real_as_real"]
    return {
        "accuracy": (counts["fake_as_fake"] + counts["real_as_real"]) / (fakes + reals),
        "fpr": counts["real_as_fake"] / reals if reals else None,
        "tpr": counts["fake_as_fake"] / fakes if fakes else None,
    }


def summary(labels: NDArray[np.integer], p_fake: NDArray[np.floating], threshold: float) -> dict[str, Any]:
    """Return all figures of `labels` (n,) and `p_fake` (n,), n >= 1, as plain numbers.

    A figure that these rows cannot give is None, and `reasons` says why: with one class only there is no AUC, no
    precision and no balanced accuracy.
    """
    counts = confusion(labels, p_fake, threshold)
    fakes = counts["fake_as_fake"] + counts["fake_as_real"]
    reals = counts["real_as_fake"] + counts["real_as_real"]
    figures: dict[str, Any] = {"n": fakes + reals, "n_fake": fakes, "n_real": reals}
    figures["accuracy"] = (counts["fake_as_fake"] + counts["real_as_real"]) / (fakes + reals)
    figures["accuracy_fake"] = counts["fake_as_fake"] / fakes if fakes else None
    figures["accuracy_real"] = counts["real_as_real"] / reals if reals else None
    figures |= _needing_both(labels, p_fake, counts) if fakes and reals else dict.fromkeys(BOTH)
    figures["brier"] = float(np.mean((np.asarray(p_fake, np.float64) - labels) ** 2))
    figures["ece"] = expected_calibration_error(labels, p_fake)
    figures["confusion"] = counts
    reasons = {} if fakes and reals else dict.fromkeys(BOTH, ONE_CLASS.format("fake" if fakes else "real"))
    if figures["precision"] is None and not reasons:
        reasons = {"precision": "no row is called fake at the threshold"}
    figures["reasons"] = reasons
    return figures


BOTH = (
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


def _needing_both(
    labels: NDArray[np.integer], p_fake: NDArray[np.floating], counts: dict[str, int]
) -> dict[str, float | None]:
    called_fake = counts["fake_as_fake"] + counts["real_as_fake"]
    recall = counts["fake_as_fake"] / (counts["fake_as_fake"] + counts["fake_as_real"])
    true_real = counts["real_as_real"] / (counts["real_as_real"] + counts["real_as_fake"])
    errors = counts["fake_as_real"] + counts["real_as_fake"]
    return {
        "balanced_accuracy": (recall + true_real) / 2,
        "precision": counts["fake_as_fake"] / called_fake if called_fake else None,
        "recall": recall,
        "f1": 2 * counts["fake_as_fake"] / (2 * counts["fake_as_fake"] + errors),
        "roc_auc": float(metrics.roc_auc_score(labels, p_fake)),
        "average_precision": float(metrics.average_precision_score(labels, p_fake)),
        **_along_the_curve(labels, p_fake),
    }


def _along_the_curve(labels: NDArray[np.integer], p_fake: NDArray[np.floating]) -> dict[str, float]:
    fpr, tpr, _ = metrics.roc_curve(labels, np.asarray(p_fake, np.float64), drop_intermediate=False)
    hits = {f"hit_rate_at_{percent}": hit_rate_at(fpr, tpr, percent / 100) for percent in FALSE_ALARM_PERCENTS}
    return {"eer": equal_error_rate(fpr, tpr), **hits}


def equal_error_rate(fpr: NDArray[np.float64], tpr: NDArray[np.float64]) -> float:
    """Return the rate at which as many reals are called fake as fakes are called real.

    `fpr` and `tpr` are the points of a ROC curve from (0, 0) to (1, 1). Between two of them the rates are those of a
    threshold that is drawn between theirs, so the curve is a straight line there.
    """
    above = int(np.argmax(fpr + tpr >= 1))
    (start, end), (before, after) = fpr[above - 1 : above + 1], (fpr + tpr)[above - 1 : above + 1]
    return float(start + (end - start) * (1 - before) / (after - before))


def hit_rate_at(fpr: NDArray[np.float64], tpr: NDArray[np.float64], rate: float) -> float:
    """Return the share of fakes that the lowest threshold with at most a `rate` of false alarms finds.

    That threshold is of these rows, not the model's own: what could be reached, had it been known.
    """
    return float(tpr[fpr <= rate + 1e-9].max())
