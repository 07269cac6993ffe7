"""The store of scores: the same on a disk and at a URL, whole files only, faults in words."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tasks.params import FauxfaceError
from tasks.scoring.store import ScoreStore
from tests.scoring.made import MODEL, face_row


def row(member: str, p_fake: float) -> dict[str, Any]:
    return face_row(0, p_fake, member=member)


@pytest.fixture(params=["disk", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path / "scores") if request.param == "disk" else "memory://scores"
    fsspec.filesystem("memory").store.clear()


def test_parts_come_back_in_order_with_their_notes(root: str) -> None:
    folder = ScoreStore(root).folder(MODEL, "a-0")
    assert (folder.parts(), folder.notes(0), folder.read().num_rows) == ([], None, 0)
    folder.write_part(1, [row("c", 0.7)], {"key": "k"})
    folder.write_part(0, [row("a", 0.1), row("b", 0.2)], {"key": "k", "counts": "{}"})
    assert folder.parts() == [0, 1]
    assert folder.notes(0) == {"key": "k", "counts": "{}", "rows": "2"}
    assert folder.read(["member", "p_fake"]).column("member").to_pylist() == ["a", "b", "c"]
    assert folder.read(["p_fake", "member"], 1).column_names == ["p_fake", "member"]
    folder.remove_part(1)
    folder.remove_part(1)
    assert folder.parts() == [0]


def test_scorings_are_listed_sorted_and_foreign_files_are_not(root: str) -> None:
    store = ScoreStore(root)
    assert store.scorings() == []
    for model, archive in (("ffffffffffff", "a-0"), (MODEL, "b-1"), (MODEL, "a-0")):
        store.folder(model, archive).write_part(0, [row("a", 0.1)], {})
    store.folder(MODEL, "a-0").write_json("_scoring.json", {"key": "k"})
    assert [(found.model_id, found.archive) for found in store.scorings()] == [
        (MODEL, "a-0"),
        (MODEL, "b-1"),
        ("ffffffffffff", "a-0"),
    ]
    assert store.scorings()[0] == store.folder(MODEL, "a-0")


def test_json_comes_back_and_what_is_none_is_none(root: str) -> None:
    folder = pickle.loads(pickle.dumps(ScoreStore(root).folder(MODEL, "a-0")))
    assert folder.read_json("_scoring.json") is None
    folder.write_json("_scoring.json", {"key": "ü"})
    assert folder.read_json("_scoring.json") == {"key": "ü"}
    folder.write_json("_scoring.json", [1])
    assert folder.read_json("_scoring.json") is None


def test_a_part_cut_short_is_none_and_says_so_when_it_is_read(tmp_path: Path) -> None:
    folder = ScoreStore(str(tmp_path)).folder(MODEL, "a-0")
    folder.write_part(0, [row("a", 0.1)], {})
    path = Path(folder.url, "part-00000.parquet")
    path.write_bytes(path.read_bytes()[:-8])
    assert folder.notes(0) is None
    with pytest.raises(FauxfaceError, match=r"part-00000\.parquet: cannot be read"):
        folder.read()
    with pytest.raises(FauxfaceError, match=r"part-00007\.parquet: this part is missing"):
        folder.read(index=7)


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    folder = ScoreStore(str(tmp_path)).folder(MODEL, "a-0")
    folder.write_part(0, [row("a", 0.1)], {})
    Path(folder.url, ".tmp-0123-part-00001.parquet").touch()
    assert folder.remove_temp_files() == 1
    assert folder.parts() == [0]


def test_a_store_that_cannot_be_used_says_so_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FauxfaceError, match="cannot be used"):
        ScoreStore(str(tmp_path / "file")).folder(MODEL, "a-0").write_part(0, [], {})
    with pytest.raises(FauxfaceError, match="nowhere://x"):
        ScoreStore("nowhere://x").scorings()


def test_a_relative_folder_is_found_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = ScoreStore("scores").folder(MODEL, "a-0").absolute()
    monkeypatch.chdir("/")
    folder.write_part(0, [], {})
    assert ScoreStore(str(tmp_path / "scores")).scorings() == [folder]
    assert ScoreStore("memory://x").folder(MODEL, "a").absolute().url == "memory://x/model=0123456789ab/archive=a"


def test_an_address_with_a_password_is_refused_without_telling_it() -> None:
    with pytest.raises(FauxfaceError, match="holds a password") as refused:
        ScoreStore("sftp://me:secret@host/scores").scorings()
    assert "secret" not in str(refused.value)


def test_the_archive_is_told_only_where_it_is_asked_for(root: str) -> None:
    folder = ScoreStore(root).folder(MODEL, "a-0")
    folder.write_part(0, [row("a", 0.1)], {"key": "k"})
    assert folder.read(["member"]).column_names == ["member"]
    asked = folder.read(["archive", "member"])
    assert asked.to_pydict() == {"archive": ["a-0"], "member": ["a"]}
