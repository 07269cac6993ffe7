"""What an archive is called, where it lies, and which scorings are of the same one."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tasks.params import ArchiveParams, FauxfaceError
from tasks.scoring.naming import archive_name, archive_of, lies_at, same_origin
from tasks.scoring.record import Started


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("dumps/monday.zip", "monday"),
        ("dumps/Monday.TAR.GZ", "Monday"),
        ("a.b.tar.zst", "a_b"),
        ("folder/", "folder"),
        ("顔写真.zip", "顔写真"),
        ("фото-1.tar", "фото-1"),
        ("चित्र.zip", "चित्र"),
        (unicodedata.normalize("NFD", "Gesichter_ä.zip"), unicodedata.normalize("NFC", "Gesichter_ä")),
        ("a=b%20c:d e.zip", "a_b_20c_d_e"),
        ("🙂.zip", "archive"),
        ("..", "archive"),
        ("s3://key:secret@bucket/dir/night%20shift.tar", "night_shift"),
        ("https://example.org/a.zip?X-Amz-Signature=secret", "a"),
    ],
)
def test_an_archive_is_called_after_its_file(source: str, name: str) -> None:
    assert archive_name(source) == name
    assert archive_of(source).name == name, "and params takes it"


def test_long_names_are_cut_and_stay_apart() -> None:
    latin, kanji = "a" * 300, "顔" * 300
    names = [archive_name(f"{stem}{end}.zip") for stem in (latin, kanji) for end in ("1", "2")]
    assert len(set(names)) == 4
    assert all(len(name) <= 64 and len(f"archive={name}-{'0' * 12}".encode()) <= 255 for name in names)
    assert names[0].startswith("a" * 50)
    assert names[2].startswith("顔" * 40)
    assert archive_name("b" * 64) == "b" * 64


def test_an_archive_with_a_name_keeps_it() -> None:
    given = ArchiveParams(name="monday", source="x.zip")
    assert archive_of(given) is given


def test_a_source_lies_where_it_lies_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    monkeypatch.chdir(workspace)
    for written in ("a/images.zip", "./a/images.zip", "b/../a/images.zip", str(workspace / "a/images.zip")):
        assert lies_at(written) == "a/images.zip"
    assert lies_at("../images.zip") == str(tmp_path / "images.zip")
    assert lies_at("s3://key:secret@bucket/a.zip?sig=x") == "s3://bucket/a.zip"
    (workspace / "a::b.zip").touch()
    assert lies_at(str(workspace / "a::b.zip")) == "a::b.zip"


def started(name: str, source: str, fingerprint: str) -> Started:
    facts = {"key": "", "model_id": "0" * 12, "archive": f"{name}-0", "threshold": 0.5, "params": {}, "started": ""}
    return Started.model_validate({**facts, "name": name, "source": source, "fingerprint": fingerprint})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("images", "a/images.zip", "1"), ("images", "b/images.zip", "2"), False),
        (("images", "a/images.zip", "1"), ("images", "a/images.zip", "2"), True),
        (("images", "a/images.zip", "1"), ("pictures", "b/pictures.zip", "1"), True),
        (("archive", "🙂.zip", "1"), ("archive", "🙃.zip", "2"), False),
        (("monday", "old/dump.zip", "1"), ("monday", "new/dump.zip", "2"), True),
        (("monday", "old/dump.zip", "1"), ("monday", "monday.zip", "2"), False),
        (("monday", "old/dump.zip", "1"), ("tuesday", "new/dump.zip", "2"), False),
    ],
)
def test_two_scorings_are_of_one_archive_by_content_place_or_a_name_that_was_given(
    one: tuple[str, str, str], other: tuple[str, str, str], same: bool
) -> None:
    assert same_origin(started(*one), started(*other)) is same
    assert same_origin(started(*other), started(*one)) is same


def test_names_that_are_no_unicode_have_the_encoding_that_was_given() -> None:
    assert archive_of("dumps/a.zip", "cp932").encoding == "cp932"
    with pytest.raises(FauxfaceError, match=r"--encoding: 'sjsi' is no encoding .* try cp932"):
        archive_of("dumps/a.zip", "sjsi")
