"""What was tried: once after a success, a few times with growing pauses after a failure that may pass."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tasks.scoring.attempts import PAUSES, Attempts


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "attempts.json"


def test_a_success_is_not_repeated_not_even_by_another_process(file: Path) -> None:
    assert Attempts.read(file).is_due("a", "1")
    Attempts.read(file).succeeded("a", "1")
    assert not Attempts.read(file).is_due("a", "1")
    assert Attempts.read(file).is_due("a", "2")
    assert Attempts.read(file).is_due("b", "1")


def test_a_passing_failure_is_tried_again_ever_later_and_in_the_end_left(file: Path, clock: list[float]) -> None:
    for number, pause in enumerate(PAUSES, start=1):
        said = str(Attempts.read(file).failed("a", "1", "no route", retry=True))
        assert said == f"no route (try {number} of 5; again in {pause:.0f} s)"
        assert list(Attempts.read(file).resting()) == ["a"]
        clock[0] += pause - 1
        assert not Attempts.read(file).is_due("a", "1")
        clock[0] += 1
        assert Attempts.read(file).is_due("a", "1")
    assert "not again until it changes" in str(Attempts.read(file).failed("a", "1", "no route", retry=True))
    clock[0] += 1e9
    assert not Attempts.read(file).is_due("a", "1")
    assert list(Attempts.read(file).given_up()) == ["a"]
    assert Attempts.read(file).is_due("a", "2"), "a changed dump is another matter"
    assert Attempts.read(file).failed("a", "2", "no route", retry=True).tries == 1


def test_a_lasting_failure_is_tried_once(file: Path, clock: list[float]) -> None:
    Attempts.read(file).failed("a", "1", "no archive", retry=False)
    clock[0] += 1e9
    assert not Attempts.read(file).is_due("a", "1")


def test_what_has_gone_is_forgotten(file: Path) -> None:
    made = Attempts.read(file)
    made.succeeded("a", "1")
    made.succeeded("b", "1")
    made.keep_only({"b", "c"})
    assert set(Attempts.read(file).made) == {"b"}


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": {"version": 1}}'])
def test_a_damaged_file_counts_as_none(file: Path, content: str) -> None:
    file.write_text(content)
    assert Attempts.read(file).is_due("a", "1")


def test_a_success_in_between_counts_failures_anew(file: Path, clock: list[float]) -> None:
    made = Attempts.read(file)
    assert [made.failed("a", "1", "no route", retry=True).tries for _ in range(2)] == [1, 2]
    made.succeeded("a", "1")
    assert made.made["a"].tries == 3
    assert (made.resting(), made.given_up()) == ({}, {})
    assert made.failed("a", "1", "no route", retry=True).tries == 1


def test_only_what_rests_is_resting_and_only_failures_are_given_up(file: Path, clock: list[float]) -> None:
    made = Attempts.read(file)
    made.succeeded("well", "1")
    made.failed("rests", "1", "no route", retry=True)
    made.failed("lost", "1", "no archive", retry=False)
    assert (list(made.resting()), list(made.given_up())) == (["rests"], ["lost"])
    clock[0] += 59.4
    assert str(made.made["rests"]).endswith("again in 1 s)")
    clock[0] += 1e6
    assert str(made.made["rests"]).endswith("again in 0 s)")


def test_nothing_is_written_where_nothing_goes(file: Path) -> None:
    made = Attempts.read(file)
    made.succeeded("a", "1")
    file.unlink()
    made.keep_only({"a", "b"})
    assert not file.exists()
