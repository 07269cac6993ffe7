"""Tars: hard links give the bytes they stand for, names come out in their encoding, windows and bombs are bounded."""

from __future__ import annotations

import bz2
import io
import lzma
import random
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tasks.sources import Member, inflate, open_source, tarlinks, tarwalk

Files = list[tuple[str, bytes]]
Pack = Callable[[str, Files, Path], Path]
NAMES = ["a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"]
PHOTO = random.Random(3).randbytes(3000)


def members(path: Path, encoding: str | None = None) -> list[Member]:
    with open_source(path, encoding=encoding) as dump:
        found = list(dump.members())
        assert [member for shard in dump.shards(2) for member in shard] == found
        return found


def outcome(path: Path) -> list[tuple[str, bytes | None, str]]:
    return [(member.path, member.data, str(member.status)) for member in members(path)]


def file(name: str, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info, data


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.LNKTYPE, target
    return info, b""


def write(path: Path, entries: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:" + path.suffix.removeprefix(".").replace("tar", "")) as archive:  # type: ignore[call-overload]
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_hard_link_is_the_member_that_it_links_to(name: str, tmp_path: Path) -> None:
    entries = [
        file("./real/a.jpg", PHOTO),
        link("./fake/b.jpg", "./real/a.jpg"),
        link("c.jpg", "fake/b.jpg"),
        file("real/a.jpg", b"a later file of this name"),
        link("d.jpg", "real/a.jpg"),
    ]
    assert outcome(write(tmp_path / name, entries)) == [
        ("real/a.jpg", PHOTO, "ok"),
        ("fake/b.jpg", PHOTO, "ok"),
        ("c.jpg", PHOTO, "ok"),
        ("real/a.jpg", b"a later file of this name", "ok"),
        ("d.jpg", b"a later file of this name", "ok"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_link_to_what_is_missing_unsafe_or_unreadable_is_a_row(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarwalk, "MAX_MEMBER_BYTES", 5000)
    entries = [
        link("missing", "nowhere.jpg"),
        link("ahead", "later.jpg"),
        file("../x.jpg", PHOTO),
        link("unsafe", "../x.jpg"),
        link("../link", "ok.jpg"),
        link("outside", "/etc/passwd"),
        file("large.jpg", bytes(6000)),
        link("large", "large.jpg"),
        file("later.jpg", PHOTO),
    ]
    found = members(write(tmp_path / name, entries))
    assert [(member.path, str(member.status)) for member in found] == [
        ("missing", "not_a_file"),
        ("ahead", "not_a_file"),
        ("../x.jpg", "unsafe_path"),
        ("unsafe", "unsafe_path"),
        ("../link", "unsafe_path"),
        ("outside", "not_a_file"),
        ("large.jpg", "too_large"),
        ("large", "too_large"),
        ("later.jpg", "ok"),
    ]
    assert all(member.error and member.data is None for member in found[:-1])
    assert "'nowhere.jpg'" in found[0].error


def test_a_link_of_a_stream_reaches_back_so_far_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarlinks, "LINK_BYTES", 10_000)
    entries = [file(f"{number}.jpg", PHOTO) for number in range(4)] + [link("near", "3.jpg"), link("far", "0.jpg")]
    found = members(write(tmp_path / "a.tar.gz", entries))
    assert [member.data for member in found] == [PHOTO] * 5 + [None]
    assert "unpack the archive and give the folder" in found[-1].error
    assert [member.data for member in members(write(tmp_path / "a.tar", entries))] == [PHOTO] * 6


def test_links_are_found_without_a_search_through_all_members(tmp_path: Path) -> None:
    count = 20_000  # a search for each of them would take minutes
    entries = [file(f"{number}", b"%d" % number) for number in range(count)]
    entries += [link(f"link {number}", f"{number}") for number in range(count)]
    with open_source(write(tmp_path / "a.tar", entries)) as dump:
        assert dump.count() == 2 * count
        assert dump.read("link 19999") == b"19999"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_name_that_is_no_utf_8_is_read_in_the_given_encoding(name: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w", format=tarfile.GNU_FORMAT) as archive:
        for raw in ("偽/表.jpg".encode("cp932"), "é.jpg".encode()):
            info, data = file(raw.decode("utf-8", "surrogateescape"), PHOTO)
            archive.encoding, archive.errors = "utf-8", "surrogateescape"
            archive.addfile(info, io.BytesIO(data))
    assert [member.path for member in members(tmp_path / name, "cp932")] == ["偽/表.jpg", "é.jpg"]
    assert members(tmp_path / name)[0].path == "\\udc8bU/\\udc95\\.jpg"


@pytest.mark.parametrize(("name", "pack"), [("a.tar.bz2", bz2.compress), ("a.tar.xz", lzma.compress)])
def test_streams_one_behind_the_other_are_one_archive(
    name: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    data = write(tmp_path / "a.tar", [file("a.jpg", PHOTO), file("b.jpg", PHOTO * 500)]).read_bytes()
    padding = bytes(8) if name.endswith("xz") else b""
    (tmp_path / name).write_bytes(pack(data[:2000]) + padding + pack(data[2000:]) + padding)
    assert outcome(tmp_path / name) == [("a.jpg", PHOTO, "ok"), ("b.jpg", PHOTO * 500, "ok")]


def test_a_large_window_is_read_up_to_the_bound_and_named_beyond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "a.tar", [file("a.jpg", PHOTO)]).read_bytes()
    parameters = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    packed = zstandard.ZstdCompressor(compression_params=parameters)
    stream = packed.compressobj()  # which does not know how little comes, and so asks for the whole window
    (tmp_path / "a.tar.zst").write_bytes(stream.compress(data) + stream.flush())
    assert outcome(tmp_path / "a.tar.zst") == [("a.jpg", PHOTO, "ok")]
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26}]
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(data, filters=filters))
    assert outcome(tmp_path / "a.tar.xz") == [("a.jpg", PHOTO, "ok")]
    monkeypatch.setattr(inflate, "MAX_WINDOW", 1 << 25)
    for name in ("a.tar.zst", "a.tar.xz"):
        (found,) = members(tmp_path / name)
        assert (found.path, str(found.status)) == (name, "too_large")
        assert found.error.startswith("window too large")


@pytest.mark.parametrize("name", ["a.tar.bz2", "a.tar.xz", "a.tar.zst"])
@pytest.mark.parametrize("read", [True, False])
def test_a_bomb_is_stopped_where_it_grows_beyond_reason(
    name: str, read: bool, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarwalk, "FREE_BYTES", 1_000_000)
    if not read:
        monkeypatch.setattr(tarwalk, "MAX_MEMBER_BYTES", 1000)  # skipped bytes are decompressed too
    files = [("a.jpg", b"a"), *((f"{number}.jpg", bytes(8_000_000)) for number in range(4)), ("z.jpg", b"z")]
    found = members(pack(name.removeprefix("a."), files, tmp_path))
    assert (found[0].path, str(found[0].status)) == ("a.jpg", "ok")
    assert (found[-1].path, str(found[-1].status)) == (f"dump.{name.removeprefix('a.')}", "archive_damaged")
    assert "decompression bomb" in found[-1].error
    assert len(found) < 5


def test_a_blank_picture_is_no_bomb(pack: Pack, tmp_path: Path) -> None:
    assert outcome(pack("tar.xz", [("blank.bmp", bytes(3_000_000))], tmp_path))[0][2] == "ok"


@pytest.mark.parametrize("kind", ["tar.bz2", "tar.xz", "tar.gz"])
def test_a_cut_stream_is_never_waited_for(kind: str, pack: Pack, tmp_path: Path) -> None:
    path = pack(kind, [("a.jpg", PHOTO)], tmp_path)
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2, 10):
        path.write_bytes(whole[:cut])
        assert outcome(path)[-1][2] == "archive_damaged"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_hundred_thousand_members_are_a_hundred_thousand_rows(name: str, tmp_path: Path) -> None:
    entries = [file(f"{number}.jpg", struct.pack("<L", number)) for number in range(100_000)]
    with open_source(write(tmp_path / name, entries)) as dump:
        assert [member.data for member in dump.members()] == [data for _, data in entries]
        assert dump.count() in (100_000, None)
