"""What the page says about the model beside the baseline, and the numbers' forms."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.params import ConstantLabel, DatasetParams
from tasks.reporting.evaluation_schemas import EvaluateReport, Measured
from tasks.reporting.headline import baseline_note, samples
from tasks.reporting.report_schemas import Interval
from tasks.reporting.text import count, percent, ratio, ratio_interval, seconds, share


def measured(finished: Any, interval: Interval, baseline: Interval) -> Measured:
    report = EvaluateReport.model_validate(finished.report("evaluate.json")).overall
    trivial = report.baseline.model_copy(update={"intervals": {"roc_auc": baseline}})
    return report.model_copy(update={"intervals": {"roc_auc": interval}, "baseline": trivial})


@pytest.mark.parametrize(
    ("model", "baseline", "said"),
    [
        ((0.9, 0.95), (0.4, 0.6), "no better than chance"),
        ((0.9, 0.95), (0.6, 0.7), "better than chance"),
        ((0.7, 0.9), (0.6, 0.8), "not clearly better"),
        ((0.3, 0.4), (0.6, 0.8), "not clearly better"),
        (None, (0.6, 0.8), "cannot be compared"),
    ],
)
def test_baseline_note(finished: Any, model: Interval, baseline: Interval, said: str) -> None:
    assert said in baseline_note(measured(finished, model, baseline))


@pytest.mark.parametrize(
    ("source", "drawn"),
    [
        ("data/raw/sample/faces.tar", True),
        ("data\\raw\\sample\\faces.tar", True),
        ("/srv/faces/data/raw/sample/faces.tar", True),
        ("data/raw/faces.tar", False),
        ("s3://bucket/samples/faces.tar", False),
    ],
)
def test_samples(source: str, drawn: bool) -> None:
    label = ConstantLabel(rule="constant", value="real")
    assert bool(samples({"faces": DatasetParams(name="faces", source=source, label=label)})) == drawn


def test_numbers() -> None:
    assert count(1234567) == '<data value="1234567">1,234,567</data>'
    assert ratio(0.12345) == '<data value="0.12345">0.123</data>'
    assert percent(0.5) == '<data value="0.5">50.0 %</data>'
    assert "one class &lt;only&gt;" in ratio(None, "one class <only>")
    assert "none of none" in share(0, 0)
    assert ratio_interval(None) == ""
    assert "0.100</data>–<data" in ratio_interval((0.1, 0.2))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (7320, "2 h 2 min"),
    ],
)
def test_seconds(value: float, text: str) -> None:
    assert seconds(value).striptags() == text
