"""The ledger: complete and incomplete scorings, the last one before, and how a user names one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tasks.params import FauxfaceError
from tasks.scoring.ledger import Scoring, change_of_source, last_complete, ledger
from tasks.scoring.record import STARTED, abandon
from tasks.scoring.reference import find, find_one, find_pair
from tasks.scoring.store import ScoreStore
from tasks.scoring.text import ledger_lines
from tests.scoring.made import MODEL, empty_row, face_row, make_scoring

ROWS = [*(face_row(index, 0.1 * index) for index in range(8)), empty_row(8, "truncated")]
OTHER = "abcdef012345"


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ScoreStore]:
    """Monday scored by two models, by the second one twice since it changed; tuesday half scored."""
    store = ScoreStore(str(tmp_path) if request.param == "disk" else "memory://ledger")
    make_scoring(store, "monday", ROWS)
    make_scoring(store, "monday", ROWS, model=OTHER, when="2026-11-21T08:00:00+00:00")
    make_scoring(store, "monday", ROWS, model=OTHER, fingerprint="e" * 64, when="2026-11-22T08:00:00+00:00")
    make_scoring(store, "tuesday", ROWS, complete=False)
    yield store
    fsspec.filesystem("memory").store.clear()


def test_the_ledger_says_how_complete_each_scoring_is(store: ScoreStore) -> None:
    facts = [(each.name, each.model_id, each.percent, each.inputs, each.failures) for each in ledger(store)]
    assert facts == [
        ("monday", OTHER, 100, 9, 1),
        ("monday", OTHER, 100, 9, 1),
        ("monday", MODEL, 100, 9, 1),
        ("tuesday", MODEL, 66, 6, 0),
    ]
    first, *_, last = ledger(store)
    assert first.facts()["status"] == {"ok": 8, "truncated": 1}
    assert (first.when, first.facts()["source"]) == ("2026-11-22T08:00:00+00:00", "dumps/monday.zip")
    assert last.complete is False
    assert [line.split()[2:4] for line in ledger_lines(ledger(store))[1:]][-1] == ["66", "%"]


def test_parts_without_a_note_and_of_unknown_size_are_listed_too(store: ScoreStore) -> None:
    folder = ledger(store)[-1].folder
    folder.remove_json(STARTED)
    folder.write_part(7, ROWS[:1], {"of": "another version"})
    listed = ledger(store)[-1]
    assert (listed.name, listed.percent, listed.inputs, listed.when) == ("tuesday", None, 6, "")
    assert ledger_lines([listed])[1].split()[2] == "?"


def test_an_empty_store_has_an_empty_ledger(tmp_path: Path) -> None:
    store = ScoreStore(str(tmp_path))
    assert ledger(store) == []
    make_scoring(store, "gone", ROWS, complete=False)
    abandon(ledger(store)[0].folder)
    assert ledger(store) == [], "a folder without anything in it is no scoring"


def test_the_last_complete_scoring_is_the_one_before(store: ScoreStore) -> None:
    newest, second, first, half = ledger(store)
    monday, tuesday = newest.record, half.record
    assert monday is not None
    assert tuesday is not None
    assert last_complete(store, monday, newest.folder) == second
    assert last_complete(store, monday, second.folder) == first
    assert last_complete(store, monday, first.folder) is None
    assert last_complete(store, monday, store.folder("0" * 12, "monday-ffffffffffff")) == newest
    half_elsewhere = tuesday.model_copy(update={"fingerprint": "2" * 64})
    assert last_complete(store, half_elsewhere, store.folder(OTHER, half.folder.archive)) is None, "half is no scoring"


def test_archives_of_one_name_from_two_folders_have_histories_of_their_own(store: ScoreStore) -> None:
    def score(source: str, fingerprint: str, when: str) -> Scoring:
        made = make_scoring(store, "images", ROWS, source=source, fingerprint=fingerprint * 64, when=when)
        assert made.record is not None
        return made

    here, there = (score(f"{folder}/images.zip", folder, "2026-11-23T08:00:00+00:00") for folder in "ab")
    for one in (here, there):
        assert one.record is not None
        assert last_complete(store, one.record, one.folder) is None
    changed = score("a/images.zip", "c", "2026-11-24T08:00:00+00:00")
    assert changed.record is not None
    assert last_complete(store, changed.record, changed.folder) == here


def test_a_source_that_changed_under_its_name_is_told(store: ScoreStore) -> None:
    last = ledger(store)[0]
    assert change_of_source(last, "e" * 64, "dumps/monday.zip") is None
    changed = change_of_source(last, "d" * 64, "dumps/monday.zip")
    assert changed is not None
    assert "archive monday changed since its last scoring (2026-11-22" in changed
    moved = change_of_source(last, "d" * 64, "elsewhere/monday.zip")
    assert moved is not None
    assert "is elsewhere/monday.zip now; at its last scoring it was dumps/monday.zip" in moved


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("monday", [0, 1, 2]),
        ("monday-f", [1, 2]),
        ("monday-eeeeeeeeeeee", [0]),
        ("abc/monday", [0, 1]),
        (f"{MODEL}/", [2, 3]),
        ("0123", [2, 3]),
        ("monday@2026-11-21", [1]),
        ("abcd/monday-f@2026-11", [1]),
        ("@2026-11-20", [2, 3]),
    ],
)
def test_a_scoring_is_named_by_model_archive_and_date(store: ScoreStore, reference: str, found: list[int]) -> None:
    scorings = ledger(store)
    assert find(scorings, reference) == [scorings[place] for place in found]


@pytest.mark.parametrize("reference", ["sunday", "ffff/monday", "monday@2025", "a/b/c", "monday@yesterday"])
def test_a_name_that_fits_nothing_is_an_error_that_helps(store: ScoreStore, reference: str) -> None:
    with pytest.raises(FauxfaceError, match=r"no scoring.*(there are|written as)"):
        find(ledger(store), reference)


def test_one_scoring_is_the_newest_complete_one_of_one_archive(store: ScoreStore) -> None:
    scorings = ledger(store)
    assert find_one(scorings, "monday") == find_one(scorings, None) == scorings[0]
    assert find_one(scorings, "tuesday") == scorings[-1]
    with pytest.raises(FauxfaceError, match="several archives; say which: monday, tuesday"):
        find_one(scorings, MODEL)
    with pytest.raises(FauxfaceError, match="nothing is scored yet"):
        find_one([], None)


def test_a_pair_is_of_one_archive(store: ScoreStore) -> None:
    newest, second, first, _ = ledger(store)
    assert find_pair([newest, second, first], MODEL, OTHER) == (first, newest)
    assert find_pair(ledger(store), "monday@2026-11-21", "monday@2026-11-22") == (second, newest)
    with pytest.raises(FauxfaceError, match="are the same scoring"):
        find_pair(ledger(store), "monday", OTHER)
    with pytest.raises(FauxfaceError, match="'tuesday' is not completely scored"):
        find_pair(ledger(store), "monday", "tuesday")


def test_models_that_share_several_archives_or_none_want_a_name(store: ScoreStore) -> None:
    make_scoring(store, "sunday", ROWS)
    with pytest.raises(FauxfaceError, match="have no archive in common: sunday; monday"):
        find_pair(ledger(store), "sunday", OTHER)
    make_scoring(store, "sunday", ROWS, model=OTHER)
    with pytest.raises(FauxfaceError, match="share several archives; name one, as in 0123/monday"):
        find_pair(ledger(store), "0123", OTHER)
    assert {each.name for each in find_pair(ledger(store), "0123/sunday", OTHER)} == {"sunday"}
