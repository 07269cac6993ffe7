"""Times are kept apart from what DVC hashes, and come back where they belong."""

from __future__ import annotations

import json
from pathlib import Path

from tasks.timings import read_times, write_report

REPORT = {
    "inputs": 3,
    "seconds": 1.5,
    "archives": {"a": {"faces": 2, "seconds": 0.5, "finished": "2026-11-26T10:00:00+00:00"}, "b": {"faces": 1}},
}


def test_a_report_keeps_what_was_found_and_its_times_lie_beside(tmp_path: Path) -> None:
    write_report(tmp_path, "score", REPORT)
    kept = json.loads((tmp_path / "score.json").read_text())
    assert kept == {"inputs": 3, "archives": {"a": {"faces": 2}, "b": {"faces": 1}}}
    times = {"seconds": 1.5, "archives": {"a": {"seconds": 0.5, "finished": "2026-11-26T10:00:00+00:00"}}}
    assert read_times(tmp_path, "score") == times


def test_times_that_are_not_there_or_damaged_are_none(tmp_path: Path) -> None:
    assert read_times(tmp_path, "crop/faces") == {}
    write_report(tmp_path, "crop/faces", {"inputs": 1, "seconds": 2.0})
    assert read_times(tmp_path, "crop/faces") == {"seconds": 2.0}
    for damaged in ("{", "[]"):
        (tmp_path / "timings/crop/faces.json").write_text(damaged)
        assert read_times(tmp_path, "crop/faces") == {}
