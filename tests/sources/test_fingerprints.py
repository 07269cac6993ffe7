"""A fingerprint is read once, and again when the file may have changed."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import fsspec
import pytest

from tasks.sources import Source, SourceError, fingerprints, open_source
from tasks.sources.fingerprints import fingerprint_of


class Opening:
    """Opens a source, and counts how often."""

    def __init__(self, url: str) -> None:
        self.url, self.times = url, 0

    def __call__(self) -> Source:
        self.times += 1
        return open_source(self.url)


@pytest.fixture
def dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fingerprints, "SETTLED", -1.0)
    path = tmp_path / "dump.zip"
    write(path, b"one")
    return path


def write(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(zipfile.ZipInfo("a.jpg"), content)


def test_an_unchanged_file_is_not_read_again(dump: Path, tmp_path: Path) -> None:
    opening = Opening(str(dump))
    first = fingerprint_of(str(dump), None, opening, tmp_path / "notes")
    assert fingerprint_of(str(dump), None, opening, tmp_path / "notes") == first == open_source(str(dump)).fingerprint()
    assert opening.times == 1
    assert fingerprint_of(os.path.relpath(dump), None, opening, tmp_path / "notes") == first
    assert opening.times == 1, "a file is the same by any path"


def test_a_file_changed_with_its_time_put_back_is_read_again(dump: Path, tmp_path: Path) -> None:
    opening = Opening(str(dump))
    first = fingerprint_of(str(dump), None, opening, tmp_path / "notes")
    times = dump.stat()
    write(dump, b"two")
    os.utime(dump, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert dump.stat().st_size == times.st_size
    assert fingerprint_of(str(dump), None, opening, tmp_path / "notes") != first
    assert opening.times == 2


def test_a_file_written_this_moment_is_not_trusted(dump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED", 2.0)
    opening = Opening(str(dump))
    for _ in range(2):
        fingerprint_of(str(dump), None, opening, tmp_path / "notes")
    assert opening.times == 2


def test_folders_and_damaged_notes_are_read(dump: Path, tmp_path: Path) -> None:
    opening = Opening(str(dump))
    notes = tmp_path / "notes"
    first = fingerprint_of(str(dump), None, opening, notes)
    for note in notes.iterdir():
        note.write_text("[]")
    assert fingerprint_of(str(dump), None, opening, notes) == first
    assert opening.times == 2
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"one")
    before = fingerprint_of(str(folder), None, Opening(str(folder)), notes)
    (folder / "b.jpg").write_bytes(b"two")
    assert fingerprint_of(str(folder), None, Opening(str(folder)), notes) != before


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.zip")
    with pytest.raises(SourceError, match="there is no such file"):
        fingerprint_of(gone, None, Opening(gone), tmp_path / "notes")


def test_a_remote_file_is_known_by_its_version_without_opening_it(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    url = "memory://dumps/dump.zip"
    opening = Opening(url)
    with zipfile.ZipFile(store.open("/dumps/dump.zip", "wb"), "w") as out:
        out.writestr("a.jpg", b"one")
    first = fingerprint_of(url, None, opening, tmp_path / "notes")
    assert opening.times == 0
    assert first == open_source(url).fingerprint()
    assert fingerprint_of("memory://dumps", None, Opening("memory://dumps"), tmp_path / "notes") != first
    assert not (tmp_path / "notes").exists()
    store.store.clear()
