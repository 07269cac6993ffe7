"""How much a model answers, and how often it is wrong where it does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from tasks.scoring.verdict import FAKE, REAL, UNSURE

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
NAMES = (REAL, FAKE)  # by label


def three_answers(rows: pd.DataFrame) -> dict[str, Any]:
    """Return what became of `rows`, n >= 1, with `label`, `verdict` and `verdict_reason`.

    `coverage`: the share that was answered; `error`: the share of wrong answers among these, None without any;
    `false_alarms` and `misses`: of all reals and all fakes; `unsure`: rows by reason.
    """
    label, verdict = rows["label"].to_numpy(), rows["verdict"].to_numpy(dtype=object)
    answered = verdict != UNSURE
    wrong = answered & (verdict != np.array(NAMES, dtype=object)[label])
    return {
        "coverage": float(answered.mean()),
        "error": float(wrong.sum() / answered.sum()) if answered.any() else None,
        "false_alarms": _share(wrong[label == 0]),
        "misses": _share(wrong[label == 1]),
        "answers": {
            name: dict(sorted(Counter(verdict[label == number].tolist()).items())) for number, name in enumerate(NAMES)
        },
        "unsure": dict(sorted(Counter(rows["verdict_reason"].dropna().tolist()).items())),
    }


def coverage_curve(rows: pd.DataFrame, threshold: float) -> list[dict[str, float]]:
    """Return the error of two answers on the share of rows (SHARES) whose p_fake is furthest from the threshold.

    Distance is measured in logits. Of rows equally far away the first of the frame come first.
    """
    p_fake = rows["p_fake"].to_numpy(np.float64)
    away = np.abs(_logit(p_fake) - _logit(np.float64(threshold)))
    wrong = (p_fake >= threshold) != (rows["label"].to_numpy() == 1)
    error = np.cumsum(wrong[np.argsort(-away, kind="stable")]) / np.arange(1, len(rows) + 1)
    kept = [max(round(share * len(rows)), 1) for share in SHARES]
    return [{"coverage": share, "error": float(error[count - 1])} for share, count in zip(SHARES, kept, strict=True)]


def _logit(p_fake: Any) -> Any:
    return logit(np.clip(p_fake, 1e-7, 1 - 1e-7))


def _share(hits: Any) -> float | None:
    return float(hits.mean()) if len(hits) else None
