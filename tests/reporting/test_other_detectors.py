"""Other detectors on the page: beside the model on the same faces, and only while the split is the one they saw."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.params import FauxfaceError
from tasks.params.files import write_json
from tasks.reporting.inputs import read_inputs
from tasks.reporting.other_detectors import detectors


def measured(workspace: Any, name: str, split: str | None = None) -> dict[str, Any]:
    """Leave the report of a detector that ranks every line's faces at .777."""
    judged = workspace.report("evaluate.json")["headline"]
    lines = [{**line, "roc_auc": 0.777, "accuracy": 0.654, "intervals": {}} for line in judged["lines"]]
    report = {
        "detector": name,
        "threshold": 0.5,
        "failed": {"valid": 0, "test": 3},
        "errors": {"ValueError: <b>no</b> face": 3},
        "headline": {**judged, "lines": lines},
        "test_sha256": split or workspace.report("split.json")["sha256"]["test"],
    }
    write_json(workspace.reports / "detectors" / f"{name}.json", report)
    return report


def test_a_detector_stands_beside_the_model_on_each_line(workspace: Any) -> None:
    measured(workspace, "theirs")
    found = detectors(read_inputs(workspace.reports, workspace.data, workspace.params), workspace.reports)
    assert found is not None
    assert found.names == ("this model", "theirs")
    judged = workspace.report("evaluate.json")["headline"]["lines"]
    assert [row.name for row in found.rows] == [line["name"] for line in judged]
    for row, line in zip(found.rows, judged, strict=True):
        ours, theirs = row.lines
        assert ours is not None
        assert theirs is not None
        assert ours.roc_auc == pytest.approx(line["roc_auc"])
        assert theirs.roc_auc == 0.777
    page = workspace.page()
    assert page.split('id="others"')[1].count('<data value="0.777">0.777</data>') == len(judged)
    assert "gave no answer for" in page
    assert "ValueError: &lt;b&gt;no&lt;/b&gt; face" in page


def test_a_detector_measured_on_another_split_is_named_and_not_shown(workspace: Any) -> None:
    measured(workspace, "older", split="0" * 64)
    measured(workspace, "theirs")
    page = workspace.page()
    assert "was measured on another split" in page
    found = detectors(read_inputs(workspace.reports, workspace.data, workspace.params), workspace.reports)
    assert found is not None
    assert (found.names, found.outdated) == (("this model", "theirs"), ("older",))


def test_without_one_the_page_says_how_to_add_one(html: str) -> None:
    assert "<code>fauxface evaluate --detector FILE</code>" in html


def test_a_damaged_report_is_named(workspace: Any) -> None:
    (workspace.reports / "detectors").mkdir()
    (workspace.reports / "detectors" / "bad.json").write_text("{")
    with pytest.raises(FauxfaceError, match=r"bad\.json: is no JSON"):
        workspace.page()
