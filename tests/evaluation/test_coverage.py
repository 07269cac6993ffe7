from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.evaluation.coverage import SHARES, coverage_curve, three_answers


def test_what_was_answered_and_how_often_wrongly() -> None:
    rows = pd.DataFrame(
        {
            "label": [0, 0, 0, 0, 1, 1],
            "verdict": ["real", "real", "fake", "unsure", "fake", "unsure"],
            "verdict_reason": [None, None, None, "borderline", None, "unfamiliar"],
        }
    )
    found = three_answers(rows)
    assert found["coverage"] == pytest.approx(4 / 6)
    assert found["error"] == pytest.approx(1 / 4)
    assert found["false_alarms"] == pytest.approx(1 / 4)
    assert found["misses"] == 0
    assert found["answers"] == {"real": {"fake": 1, "real": 2, "unsure": 1}, "fake": {"fake": 1, "unsure": 1}}
    assert found["unsure"] == {"borderline": 1, "unfamiliar": 1}


def test_one_class_and_no_answer_are_said_so() -> None:
    rows = pd.DataFrame({"label": [1, 1], "verdict": ["unsure", "unsure"], "verdict_reason": ["borderline"] * 2})
    found = three_answers(rows)
    assert (found["coverage"], found["error"], found["false_alarms"], found["misses"]) == (0, None, None, 0)


def test_the_curve_keeps_the_surest_rows() -> None:
    logits = np.array([-4.0, 4, -3, 3, -2, 2, -1, 1, -0.1, 0.1])
    labels = np.array([0, 1, 0, 1, 0, 1, 1, 0, 1, 0])  # wrong for the four that are nearest to the threshold
    rows = pd.DataFrame({"label": labels, "p_fake": 1 / (1 + np.exp(-logits))})
    curve = {point["coverage"]: point["error"] for point in coverage_curve(rows, 0.5)}
    assert list(curve) == list(SHARES)
    assert curve[1.0] == pytest.approx(0.4)
    assert curve[0.8] == pytest.approx(0.25)
    assert curve[0.6] == curve[0.1] == 0


def test_a_single_row_has_a_curve() -> None:
    curve = coverage_curve(pd.DataFrame({"label": [1], "p_fake": [0.2]}), 0.5)
    assert {point["error"] for point in curve} == {1.0}
