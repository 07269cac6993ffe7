"""Beginning and completing a scoring: no mixture of parts, no completeness that is not so, no secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.scoring.ledger import read_scoring
from tasks.scoring.record import (
    FINISHED,
    STARTED,
    Finished,
    Started,
    abandon,
    begin,
    finish,
    read_finished,
    read_started,
    without_secrets,
)
from tasks.scoring.store import ScoreStore
from tests.scoring.made import MODEL, empty_row, face_row, make_scoring

ROWS = [face_row(index, 0.1 * index) for index in range(7)]


@pytest.fixture
def store(tmp_path: Path) -> ScoreStore:
    return ScoreStore(str(tmp_path))


def started(key: str) -> Started:
    scoring = {"key": key, "fingerprint": "f", "model_id": MODEL, "archive": "a-0", "name": "a", "source": "a.zip"}
    return Started.model_validate({**scoring, "threshold": 0.5, "params": {}, "started": "2026-11-21T00:00:00+00:00"})


def test_a_complete_scoring_is_recognised_by_its_note_and_a_listing(store: ScoreStore) -> None:
    folder = make_scoring(store, "a", ROWS).folder
    done = read_finished(folder)
    assert done is not None
    assert (done.inputs, done.shards, done.status, done.failures) == (7, 3, {"ok": 7}, 0)
    assert read_started(folder) is None
    folder.remove_part(1)
    assert read_finished(folder) is None, "a part is gone"
    assert read_scoring(folder).complete is False


def test_other_settings_never_share_a_folder_with_old_parts(store: ScoreStore) -> None:
    folder = make_scoring(store, "a", ROWS).folder
    begin(folder, started("other"))
    assert folder.parts() == [], "what a reader could mix up is gone before the first new part"
    assert folder.read_json(FINISHED) is None
    assert read_started(folder) is not None


def test_a_beginning_that_was_killed_between_its_steps_is_made_good(store: ScoreStore) -> None:
    folder = make_scoring(store, "a", ROWS).folder
    folder.remove_json(FINISHED)  # killed here: the old parts are still there, unannounced
    folder.write_part(0, ROWS[:3], {"key": "other"})
    begin(folder, started("other"))
    assert folder.parts() == [0]
    assert folder.notes(0) is not None


def test_a_part_that_is_not_whole_does_not_survive_a_change_of_settings(store: ScoreStore) -> None:
    folder = make_scoring(store, "a", ROWS).folder
    path = Path(folder.url, "part-00001.parquet")
    path.write_bytes(path.read_bytes()[:50])
    begin(folder, started("other"))
    assert folder.parts() == []


def test_going_on_keeps_the_parts_and_the_first_start(store: ScoreStore) -> None:
    scoring = make_scoring(store, "a", ROWS, complete=False)
    assert scoring.record is not None
    again = begin(scoring.folder, scoring.record.model_copy(update={"started": "2030-01-01T00:00:00+00:00"}))
    assert again.started == scoring.record.started
    assert scoring.folder.parts() == [0, 1]


def test_notes_written_by_nobody_we_know_are_none(store: ScoreStore) -> None:
    folder = make_scoring(store, "a", ROWS).folder
    folder.write_json(FINISHED, {"key": 1})
    folder.write_json(STARTED, {"some": "thing"})
    assert read_finished(folder) is None
    assert read_started(folder) is None


def test_an_abandoned_scoring_leaves_nothing(store: ScoreStore) -> None:
    folder = make_scoring(store, "a", ROWS, complete=False).folder
    abandon(folder)
    assert list(Path(folder.url).iterdir()) == []


def test_completion_wants_every_input_to_have_a_status(store: ScoreStore) -> None:
    scoring = make_scoring(store, "a", [empty_row(0, "truncated"), face_row(1, 0.6)])
    assert isinstance(scoring.record, Finished)
    assert (scoring.record.failures, scoring.record.fake_images) == (1, 1)
    finish(scoring.folder, scoring.record)
    assert scoring.record.summary("x")["status"] == {"ok": 1, "truncated": 1}


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("dumps/a@b?.zip", "dumps/a@b?.zip"),
        ("s3://key:secret@bucket/a.zip", "s3://bucket/a.zip"),
        ("https://example.org/a.zip?X-Amz-Signature=secret", "https://example.org/a.zip"),
        ("simplecache::https://me:pw@example.org/x@y.zip", "simplecache::https://example.org/x@y.zip"),
    ],
)
def test_no_secret_of_a_url_is_written_down(source: str, shown: str) -> None:
    assert without_secrets(source) == shown
