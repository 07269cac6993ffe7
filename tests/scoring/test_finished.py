"""The note of a complete scoring: its speed, its times, its summary."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tasks.scoring.counts import ScoreCounts, count_rows
from tasks.scoring.record import Finished, Started, now
from tasks.scoring.store import ScoreStore
from tests.scoring.made import empty_row, face_row, make_scoring


@pytest.fixture
def done(tmp_path: Path) -> Finished:
    rows = [face_row(0, 0.5), face_row(1, 0.4), empty_row(2, "no_face"), empty_row(3, "truncated")]
    record = make_scoring(ScoreStore(str(tmp_path)), "dump", rows).record
    assert isinstance(record, Finished)
    return record


@pytest.fixture
def started(done: Finished) -> Started:
    return Started.model_validate(done.model_dump())


def test_speed_is_that_of_what_this_run_scored(started: Started) -> None:
    counts = count_rows([face_row(0, 0.9), face_row(1, 0.1)])
    again = Finished.of(started, counts, 1, 30, 7.126)
    assert (again.seconds, again.images_per_second, again.scored, again.shards) == (7.13, 4.2, 30, 1)
    assert Finished.of(started, counts, 1, 0, 0.0).images_per_second is None


def test_counts_that_do_not_close_are_refused(started: Started) -> None:
    counts = count_rows([face_row(0, 0.9), face_row(1, 0.1)])
    counts.status["ok"] = 1
    with pytest.raises(RuntimeError, match=r"2 inputs, statuses .*does not close"):
        Finished.of(started, counts, 1, 2, 1.0)
    assert Finished.of(started, ScoreCounts(), 0, 0, 1.0).inputs == 0


def test_a_face_on_the_threshold_counts_as_fake(done: Finished) -> None:
    assert (done.faces, done.fake_faces, done.fake_images, done.inputs) == (2, 1, 1, 4)
    assert done.status == {"no_face": 1, "ok": 2, "truncated": 1}
    assert (done.histogram[10], done.histogram[8], sum(done.histogram)) == (1, 1, 2)


def test_times_are_in_utc_to_the_second() -> None:
    time = datetime.fromisoformat(now())
    assert time.utcoffset() == timedelta(0)
    assert time.microsecond == 0
