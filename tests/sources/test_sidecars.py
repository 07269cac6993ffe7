"""Sidecars describe the images beside them, in every container and wherever a shard begins."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.sources import IndexedSource, Member, SourceError, open_source, sidecars

Files = list[tuple[str, bytes]]
Pack = Callable[[str, Files, Path], Path]
NOTE = json.dumps({"label": "fake", "width": 12, "sure": True, "boxes": [1], "none": None}).encode()
SAMPLE: Files = [
    ("d/0.cls", b"1\n"),
    ("d/0.jpg", b"jpg"),
    ("d/1.jpg", b"alone"),
    ("d/2.jpg", b"one"),
    ("d/2.json", NOTE),
    ("d/2.seg.png", b"two"),
    ("d/2.txt", "a caption, é".encode()),
]
SAID = {"label": "fake", "width": "12", "sure": "true", "txt": "a caption, é"}
EXPECTED = [
    ("d/0.cls", None, "metadata", None),
    ("d/0.jpg", b"jpg", "ok", {"cls": "1"}),
    ("d/1.jpg", b"alone", "ok", None),
    ("d/2.jpg", b"one", "ok", SAID),
    ("d/2.json", None, "metadata", None),
    ("d/2.seg.png", b"two", "ok", SAID),
    ("d/2.txt", None, "metadata", None),
]


def told(members: list[Member]) -> list[tuple[str, bytes | None, str, object]]:
    return [(member.path, member.data, str(member.status), member.annotations) for member in members]


@pytest.fixture(params=["folder", "zip", "tar", "tar.gz", "tar.xz"])
def container(request: pytest.FixtureRequest) -> str:
    """Each kind of container but Parquet, whose columns say such things."""
    return str(request.param)


def test_what_stands_beside_an_image_describes_it(pack: Pack, container: str, tmp_path: Path) -> None:
    with open_source(pack(container, SAMPLE, tmp_path)) as dump:
        assert told(list(dump.members())) == EXPECTED


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_sample_may_lie_in_two_shards(pack: Pack, container: str, size: int, tmp_path: Path) -> None:
    with open_source(pack(container, SAMPLE, tmp_path)) as dump:
        shards = list(dump.shards(size))
        assert told([member for shard in shards for member in shard]) == EXPECTED
        assert told([member for shard in pickle.loads(pickle.dumps(shards)) for member in shard]) == EXPECTED
        assert told([member for shard in shards for member in shard.pick(range(len(shard)))]) == EXPECTED
        if isinstance(dump, IndexedSource):
            assert told([member for row in range(7) for member in dump.rows(row, row + 1)]) == EXPECTED


@pytest.mark.parametrize(
    "content",
    [b"", b"no JSON", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"x": 1' + b"0" * 5000 + b"}", b"{}"],
)
def test_a_sidecar_that_says_nothing_is_one_all_the_same(pack: Pack, content: bytes, tmp_path: Path) -> None:
    with open_source(pack("tar", [("a.jpg", b"jpg"), ("a.json", content)], tmp_path)) as dump:
        assert told(list(dump.members())) == [("a.jpg", b"jpg", "ok", None), ("a.json", None, "metadata", None)]


def test_long_texts_and_large_sidecars_are_left_out(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecars, "MAX_SIDECAR_BYTES", 5000)
    note = json.dumps({"exif": "x" * 2000, "label": "real"}).encode()
    files = [("a.jpg", b"jpg"), ("a.json", note), ("b.jpg", b"jpg"), ("b.json", note + b" " * 5000)]
    with open_source(pack("tar", files, tmp_path)) as dump:
        assert [member.annotations for member in dump.members()] == [{"label": "real"}, None, None, None]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_key_of_many_files_is_the_prefix_of_numbered_pictures(pack: Pack, size: int, tmp_path: Path) -> None:
    files = [(f"frame.{number:02d}.jpg", b"jpg") for number in range(40)]
    files[20:20] = [("frame.19.json", NOTE)]
    with open_source(pack("tar", files, tmp_path)) as dump:
        found = [member for shard in dump.shards(size) for member in shard]
    assert [(member.path, member.data) for member in found] == files
    assert not any(member.annotations for member in found)


def test_what_macs_add_does_not_part_a_sample(pack: Pack, container: str, tmp_path: Path) -> None:
    files = [("._a.jpg", b"x"), ("a.jpg", b"jpg"), ("._a.json", b"x"), ("a.json", b'{"label": "real"}')]
    with open_source(pack(container, files, tmp_path)) as dump:
        found = {member.path: member for member in dump.members()}
    assert {path: str(member.status) for path, member in found.items()} == {
        "._a.jpg": "system_file",
        "a.jpg": "ok",
        "._a.json": "system_file",
        "a.json": "metadata",
    }
    if container != "folder":  # where names that begin with `._` come first
        assert found["a.jpg"].annotations == {"label": "real"}


def test_a_description_of_no_image_stays_a_member(pack: Pack, container: str, tmp_path: Path) -> None:
    files = [("a.json", b"{}"), ("b.jpg", b"jpg"), ("labels.csv", b"file,label")]
    with open_source(pack(container, files, tmp_path)) as dump:
        assert [(member.path, member.data) for member in dump.members()] == files
        assert dump.read("labels.csv") == b"file,label"
        with pytest.raises(SourceError, match="has no member"):
            dump.read("c.csv")
