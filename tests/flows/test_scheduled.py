"""What becomes of a dump that a schedule scored: a success, a failure that rests, one that is left alone."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from flows import scheduled
from flows.scheduled import score_once
from tasks.params import FauxfaceError
from tasks.scoring.attempts import Attempts


@pytest.mark.parametrize(
    ("outcome", "said", "due_later"),
    [
        ({"failed": {}}, "", False),
        ({"failed": {"a": "a.zip: nothing in it could be read: of 3 inputs 3 truncated."}}, "nothing in it", False),
        (FauxfaceError("a.zip: holds no files"), "holds no files", False),
        (ConnectionError("the store is away"), "the store is away", True),
    ],
)
def test_the_outcome_of_a_scoring_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Any, said: str, due_later: bool
) -> None:
    def score(*_: object) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    params = tmp_path / "params.yaml"
    params.write_text("datasets: {a: {source: x}}\n")
    monkeypatch.setattr("flows.score.score", score)
    monkeypatch.setattr(scheduled, "get_run_logger", lambda: logging.getLogger("test"))
    attempts = Attempts.read(tmp_path / "attempts.json")
    words = score_once("a.zip", "a.zip", "1", attempts, params)
    assert said in words
    assert bool(words) is bool(said)
    assert not attempts.is_due("a.zip", "1")
    assert ("a.zip" in attempts.resting()) is due_later
    assert ("a.zip" in attempts.given_up()) is (bool(said) and not due_later)
