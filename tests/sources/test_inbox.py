"""What lies in an inbox, on the disk and at a URL: dumps, markers, links, and what changes when a dump does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest

from tasks.sources import SourceError
from tasks.sources.inbox import Dump, _dump, _Item, look
from tests.flows.clusters import object_store


def dump(inbox: Path | str, name: str) -> Dump:
    found, _ = look(str(inbox))
    return next(each for each in found if each.name == name)


@pytest.fixture
def box() -> Iterator[str]:
    """A folder of the in-memory file system, which answers as a remote store does."""
    fs = fsspec.filesystem("memory")
    yield "memory://box"
    fs.rm("/box", recursive=True)


def test_dumps_are_told_from_the_rest_by_their_names(tmp_path: Path) -> None:
    for name in ("b.zip", "a.TAR.GZ", "c.parquet", "notes.txt", ".hidden.zip", "_part.zip", "b.zip.done", "x.zip.part"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "1.jpg").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked.zip").symlink_to(tmp_path / "b.zip")
    (tmp_path / "gone.zip").symlink_to(tmp_path / "nowhere")
    dumps, others = look(str(tmp_path))
    assert [each.name for each in dumps] == ["a.TAR.GZ", "b.zip", "c.parquet", "folder", "linked.zip"]
    assert [each.name for each in dumps if each.marked] == ["b.zip"]
    assert others == ["notes.txt", "x.zip.part"]


def test_a_relative_inbox_gives_relative_dumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inbox").mkdir()
    Path("inbox/a.zip").write_bytes(b"x")
    assert dump("inbox/", "a.zip").url == "inbox/a.zip"


def test_the_version_changes_with_every_write_and_with_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"one")
    first = dump(tmp_path, "a.zip")
    (tmp_path / "b.zip").write_bytes(b"other")
    path.read_bytes()
    assert dump(tmp_path, "a.zip") == first


@pytest.mark.parametrize("fact", ["st_ino", "st_size", "st_mtime_ns", "st_ctime_ns"])
def test_each_fact_of_a_file_tells_that_it_was_written(
    tmp_path: Path, fact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"one")
    first = dump(tmp_path, "a.zip")
    real = path.stat()
    names = ("st_mode", "st_mtime", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
    facts = SimpleNamespace(**{name: getattr(real, name) + (name == fact) for name in names})
    stat = Path.stat
    monkeypatch.setattr(Path, "stat", lambda each, **how: facts if each == path else stat(each, **how))
    assert dump(tmp_path, "a.zip").version != first.version


def test_a_folder_changes_with_any_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "d" / "deep").mkdir(parents=True)
    (tmp_path / "d" / "deep" / "1.jpg").write_bytes(b"x")
    first = dump(tmp_path, "d")
    (tmp_path / "d" / "deep" / "2.jpg").write_bytes(b"x")
    assert dump(tmp_path, "d").version != first.version


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_marker_older_than_its_dump_is_of_a_former_delivery(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "d.zip" if kind == "file" else tmp_path / "d.zip" / "1.jpg"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"x")
    marker = tmp_path / "d.zip.done"
    marker.touch()
    written = file.stat().st_mtime
    os.utime(marker, (written + 1, written + 1))
    assert dump(tmp_path, "d.zip").marked
    os.utime(marker, (written - 1, written - 1))
    assert not dump(tmp_path, "d.zip").marked


def test_an_inbox_at_a_url(box: str) -> None:
    fs = fsspec.filesystem("memory")
    for name in ("a.zip", "a.zip.done", "d/1.jpg", "notes.txt", "b.tar"):
        fs.pipe(f"/box/{name}", b"x")
    dumps, others = look(box)
    assert [(each.url, each.marked) for each in dumps] == [
        ("memory://box/a.zip", True),
        ("memory://box/b.tar", False),
        ("memory://box/d", False),
    ]
    assert others == ["notes.txt"]
    first = dump(box, "b.tar")
    assert dump(box, "b.tar") == first
    fs.pipe("/box/b.tar", b"y")
    assert dump(box, "b.tar").version != first.version


def test_a_store_without_empty_folders_has_an_empty_inbox(tmp_path: Path) -> None:
    with object_store("bucket", tmp_path / "store.log") as store, pytest.MonkeyPatch.context() as patch:
        for name, value in store.environment.items():
            patch.setenv(name, value)
        assert look("s3://bucket/deep/inbox") == ([], [])
        store.files.pipe("bucket/deep/inbox/a.zip", b"x")
        assert dump("s3://bucket/deep/inbox", "a.zip").url == "s3://bucket/deep/inbox/a.zip"
        with pytest.raises(SourceError, match="no such file or folder"):
            look("s3://elsewhere/inbox")


@pytest.mark.parametrize(("path", "words"), [("missing", "no such file or folder"), ("a.zip", "is a file")])
def test_an_inbox_that_is_none_is_said(tmp_path: Path, path: str, words: str) -> None:
    (tmp_path / "a.zip").write_bytes(b"x")
    with pytest.raises(SourceError, match=words):
        look(str(tmp_path / path))


def test_a_marker_counts_where_nobody_knows_when_the_dump_was_written() -> None:
    marker = _Item("a.zip.ready", False, "1", 5.0)
    assert _dump("box", _Item("a.zip", False, "1", None), marker).marked
    assert not _dump("box", _Item("a.zip", False, "1", 6.0), marker).marked
    assert _dump("box", _Item("a.zip", False, "1", 5.0), marker).marked
