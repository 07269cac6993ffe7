"""Who is told that a scoring moved: standard error and a Prefect event, once, and nobody when it did not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows import comparison
from tasks.params import CompareParams
from tasks.scoring.store import ScoreStore
from tests.scoring.made import face_row, make_scoring

SCORES = np.random.default_rng(4).random(30)
LIMITS = CompareParams()


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is emitted; comparisons run as plain functions and are written below tmp_path."""
    emitted: list[tuple[Any, ...]] = []
    monkeypatch.setattr(comparison, "emit_event", lambda event, resource, payload: emitted.append((event, payload)))
    monkeypatch.setattr(comparison, "as_task", lambda work, name: work)
    monkeypatch.setattr(comparison, "REPORTS", tmp_path)
    return emitted


def rows(moved: float) -> list[dict[str, Any]]:
    return [face_row(index, float(np.clip(value + moved, 0, 1))) for index, value in enumerate(SCORES)]


def test_a_shift_raises_one_alarm(
    events: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ScoreStore(str(tmp_path / "scores"))
    last, this = make_scoring(store, "dump", rows(0)), make_scoring(store, "dump", rows(0.3), model="abcdef012345")
    found = comparison.compare_with_last(last, this, LIMITS, fresh=True)
    assert found["alarm"]
    assert found["with"] == str(last)
    assert Path(found["files"], "compare.json").is_file()
    said = capsys.readouterr().err
    assert said.startswith(f"fauxface: WARNING: {this} moved against {last}: p_fake shifted: PSI")
    assert [(event, payload["warnings"]) for event, payload in events] == [
        ("fauxface.scores.shifted", found["warnings"])
    ]
    again = comparison.compare_with_last(last, this, LIMITS, fresh=False)
    assert again == {**found, "alarm": False}
    assert len(events) == 1
    assert comparison.compare_with_last(last, this, CompareParams(psi=9, flips=1), fresh=False)["warnings"] == []


def test_no_shift_tells_nobody(
    events: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ScoreStore(str(tmp_path / "scores"))
    last, this = make_scoring(store, "dump", rows(0)), make_scoring(store, "dump", rows(0), model="abcdef012345")
    found = comparison.compare_with_last(last, this, LIMITS, fresh=True)
    assert (found["alarm"], found["warnings"], found["psi"], found["flips"], found["spearman"]) == (False, [], 0, 0, 1)
    assert events == []
    assert capsys.readouterr().err == ""


def test_a_comparison_that_a_kill_left_out_is_made_up_for(events: list[tuple[Any, ...]], tmp_path: Path) -> None:
    store = ScoreStore(str(tmp_path / "scores"))
    last, this = make_scoring(store, "dump", rows(0)), make_scoring(store, "dump", rows(0.3), model="abcdef012345")
    assert comparison.compare_with_last(last, this, LIMITS, fresh=False)["alarm"], "it was never compared"
    assert len(events) == 1


def test_damaged_scores_of_old_do_not_cost_the_new_ones(
    events: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ScoreStore(str(tmp_path / "scores"))
    last, this = make_scoring(store, "dump", rows(0)), make_scoring(store, "dump", rows(0), model="abcdef012345")
    Path(last.folder.url, "part-00003.parquet").write_bytes(b"no Parquet")
    found = comparison.compare_with_last(last, this, LIMITS, fresh=True)
    assert found["alarm"] is False
    assert "part-00003.parquet: cannot be read" in found["error"]
    assert "could not be compared with" in capsys.readouterr().err
