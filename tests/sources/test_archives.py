"""A folder of archives is one dump: every member of every archive, and a row for each file that is none."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.sources import IndexedSource, Member, SourceError, open_source

Files = list[tuple[str, bytes]]
Pack = Callable[[str, Files, Path], Path]


def webdataset(path: Path, keys: list[str]) -> None:
    with tarfile.open(path, "w") as archive:
        for key in keys:
            for suffix, data in (("jpg", key.encode()), ("json", json.dumps({"key": key}).encode()), ("txt", b"text")):
                info = tarfile.TarInfo(f"{key}.{suffix}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """What img2dataset leaves: tars with sidecars, a table and statistics of each."""
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(2):
        webdataset(folder / f"{number:05d}.tar", [f"{number:05d}{row:04d}" for row in range(3)])
        pq.write_table(pa.table({"url": ["http://x"], "key": ["1"]}), folder / f"{number:05d}.parquet")
        (folder / f"{number:05d}_stats.json").write_text("{}")
    return folder


def members(path: Path | str) -> list[Member]:
    with open_source(path) as dump:
        found = list(dump.members())
        assert dump.count() in (len(found), None)
        for size in (1, 4, 100):
            parts = list(dump.shards(size))
            assert [member for part in parts for member in part] == found
            assert [member for part in pickle.loads(pickle.dumps(parts)) for member in part] == found
            assert [part.start for part in parts] == [sum(map(len, parts[:index])) for index in range(len(parts))]
        return found


def outcome(path: Path) -> list[tuple[str, str]]:
    return [(member.path, str(member.status)) for member in members(path)]


def test_shards_of_img2dataset_are_read_with_what_stands_beside_the_images(shards: Path) -> None:
    found = members(shards)
    assert len(found) == 2 * (3 * 3 + 2)
    images = [member for member in found if member.data is not None]
    assert [(member.path, member.data) for member in images] == [
        (f"{shard}.tar/{shard}{row:04d}.jpg", f"{shard}{row:04d}".encode())
        for shard in ("00000", "00001")
        for row in range(3)
    ]
    assert images[4].annotations == {"key": "000010001", "txt": "text", "__file__": "00001.tar"}
    assert {str(member.status) for member in found if member.data is None} == {"metadata"}


def test_a_table_beside_its_archive_need_not_be_readable(shards: Path) -> None:
    (shards / "00000.parquet").write_bytes(b"PAR1")
    assert ("00000.parquet", "metadata") in outcome(shards)


def test_any_archives_and_images_in_parquet_go_together(pack: Pack, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for kind in ("zip", "tar", "parquet"):
        pack(kind, [(f"{kind}.jpg", kind.encode())], folder)
    pq.write_table(pa.table({"file": ["zip.jpg"], "label": ["real"]}), folder / "labels.parquet")
    (folder / "README.md").write_text("about")
    found = members(folder)
    assert [(member.path, str(member.status)) for member in found] == [
        ("README.md", "metadata"),
        ("dump.parquet", "metadata"),
        ("dump.tar/tar.jpg", "ok"),
        ("dump.zip/zip.jpg", "ok"),
        ("labels.parquet", "metadata"),
    ]


def test_archives_of_which_one_is_a_stream_are_a_stream(pack: Pack, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    pack("tar.gz", [("a.jpg", b"a"), ("a.json", b'{"x": 1}')], folder)
    pack("zip", [("b.jpg", b"b")], folder / "sub")
    (folder / "labels.csv").write_text("file,label")
    with open_source(folder) as dump:
        assert dump.count() is None
        assert dump.read("labels.csv") == b"file,label"
        assert dump.read("sub/dump.zip/b.jpg") == b"b"
    found = members(folder)
    assert [(member.path, str(member.status), member.annotations) for member in found] == [
        ("dump.tar.gz/a.jpg", "ok", {"x": "1", "__file__": "dump.tar.gz"}),
        ("dump.tar.gz/a.json", "metadata", None),
        ("labels.csv", "metadata", None),
        ("sub/dump.zip/b.jpg", "ok", {"__file__": "sub/dump.zip"}),
    ]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_an_archive_that_is_none_is_a_row(pack: Pack, kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    pack(kind, [("a.jpg", b"a" * 5000)], folder)
    whole = (folder / f"dump.{kind}").read_bytes()
    (folder / f"cut.{kind}").write_bytes(whole[: len(whole) // 3])
    (folder / f"empty.{kind}").write_bytes(b"")
    (folder / f"garbage.{kind}").write_bytes(b"garbage" * 200)
    pack(kind, [], tmp_path).rename(folder / f"nothing.{kind}")
    (folder / f"pointer.{kind}").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    (folder / f"link.{kind}").symlink_to(folder / f"dump.{kind}")
    found = {member.path: member for member in members(folder)}
    assert {path: str(member.status) for path, member in found.items()} == {
        f"cut.{kind}": "archive_damaged",
        f"dump.{kind}/a.jpg": "ok",
        f"empty.{kind}": "archive_damaged",
        f"garbage.{kind}": "archive_damaged",
        f"link.{kind}": "not_a_file",
        f"nothing.{kind}": "archive_damaged",
        f"pointer.{kind}": "archive_damaged",
    }
    assert "git lfs pull" in found[f"pointer.{kind}"].error
    assert "holds no files" in found[f"nothing.{kind}"].error


def test_archives_among_pictures_are_rows_that_say_what_to_do(pack: Pack, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    pack("zip", [("a.jpg", b"a")], folder)
    (folder / "b.jpg").write_bytes(b"b")
    found = members(folder)
    assert [(member.path, str(member.status)) for member in found] == [
        ("b.jpg", "ok"),
        ("dump.zip", "unsupported_format"),
    ]
    assert "give it as a dump of its own" in found[1].error


def test_hidden_files_beside_archives_are_no_part_of_the_dump(shards: Path) -> None:
    before = outcome(shards)
    (shards / ".cache").mkdir()
    for name in (".cache/x.tar", ".DS_Store", "_SUCCESS", "._00000.tar"):
        (shards / name).write_bytes(b"x")
    assert outcome(shards) == before
    (shards / "_more.tar").write_bytes((shards / "00000.tar").read_bytes())
    assert len(outcome(shards)) == len(before) + 9


def test_the_index_is_asked_for_rows_and_paths(shards: Path) -> None:
    with open_source(shards) as dump:
        assert isinstance(dump, IndexedSource)
        assert dump.find("00001.tar/000010002.jpg") == 11 + 1 + 6
        assert dump.read("00001.tar/000010002.jpg") == b"000010002"
        assert [member.path for member in dump.rows(10, 14)] == [
            "00000_stats.json",
            "00001.parquet",
            "00001.tar/000010000.jpg",
            "00001.tar/000010000.json",
        ]
        for path in ("00001.tar/x.jpg", "x.tar/x.jpg", "x"):
            with pytest.raises(SourceError, match="has no member"):
                dump.read(path)
        first = dump.fingerprint()
    os.utime(shards / "00000.tar", (1, 1))
    assert open_source(shards).fingerprint() != first


def test_a_shard_of_a_relative_folder_travels(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"image": [b"x"]}), shards / "more.parquet")
    monkeypatch.chdir(shards.parent)
    with open_source("set") as dump:
        expected = list(dump.members())
        sent = pickle.dumps(list(dump.shards(5)))
    monkeypatch.chdir("/")
    assert [member for shard in pickle.loads(sent) for member in shard] == expected
    assert expected[-1].annotations == {"__file__": "more.parquet"}


def test_more_archives_than_a_process_may_have_open(tmp_path: Path) -> None:
    for number in range(1200):
        with zipfile.ZipFile(tmp_path / f"{number:04d}.zip", "w") as archive:
            archive.writestr("a.jpg", b"%d" % number)
    with open_source(tmp_path) as dump:
        assert [member.data for member in dump.members()] == [b"%d" % number for number in range(1200)]


def test_a_folder_of_archives_at_a_url(shards: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(shards), "/archives/set", recursive=True)
    assert [(member.path, member.data) for member in members("memory://archives/set")] == [
        (member.path, member.data) for member in members(shards)
    ]
    memory.rm("/archives", recursive=True)
