"""Zips as tools in the field write them: everything that can be read comes out, and no row is untrue."""

from __future__ import annotations

import io
import lzma
import random
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tasks.sources import Member, SourceError, open_source

Files = list[tuple[str, bytes]]
Pack = Callable[[str, Files, Path], Path]
_noise = random.Random(7)
PHOTOS: Files = [(f"real/{number}.jpg", _noise.randbytes(3000)) for number in range(3)]


def members(path: Path, encoding: str | None = None) -> list[Member]:
    with open_source(path, encoding=encoding) as dump:
        found = list(dump.members())
        assert dump.count() == len(found)
        assert [member for shard in dump.shards(2) for member in shard] == found
        return found


def pairs(path: Path, encoding: str | None = None) -> list[tuple[str, bytes | None]]:
    return [(member.path, member.data) for member in members(path, encoding)]


def statuses(path: Path) -> list[tuple[str, str]]:
    return [(member.path, str(member.status)) for member in members(path)]


def written(files: Files, comment: bytes = b"", extra: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.extra = extra
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
        archive.comment = comment
    return buffer.getvalue()


def renamed(data: bytes, name: bytes, raw: bytes) -> bytes:
    """Return the zip with `name` replaced by the bytes `raw` of the same length, made by MS-DOS."""
    assert len(name) == len(raw)
    found = bytearray(data.replace(name, raw))
    central = found.index(b"PK\x01\x02")
    while central >= 0:
        found[central + 5] = 0
        central = found.find(b"PK\x01\x02", central + 1)
    return bytes(found)


@pytest.mark.parametrize("where", ["directory", "local header", "both"])
def test_backslashes_of_windows_stand_between_folders(where: str, tmp_path: Path) -> None:
    data = renamed(written([("real/0.jpg", b"x"), ("real/", b"")]), b"-", b"-")
    central = data.index(b"PK\x01\x02")
    local, directory = data[:central], data[central:]
    if where != "directory":
        local = local.replace(b"real/", b"real\\")
    if where != "local header":
        directory = directory.replace(b"real/", b"real\\")
    (tmp_path / "a.zip").write_bytes(local + directory)
    assert pairs(tmp_path / "a.zip") == [("real/0.jpg", b"x")]


def test_a_backslash_in_a_name_of_unix_is_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(written([("a\\b.jpg", b"x")]))
    assert pairs(tmp_path / "a.zip") == [("a\\b.jpg", b"x")]


@pytest.mark.parametrize(
    ("raw", "encoding", "path"),
    [
        ("é/ü.jpg".encode(), None, "é/ü.jpg"),
        ("é/ü.jpg".encode(), "cp932", "é/ü.jpg"),
        ("偽/表.jpg".encode("cp932"), "cp932", "偽/表.jpg"),
        ("假/图.jpg".encode("gbk"), "gbk", "假/图.jpg"),
        ("é.jpg".encode("cp437"), None, "é.jpg"),
        (b"\x82\xa0\x82.jpg", "cp932", "あ\\udc82.jpg"),
    ],
)
def test_a_name_is_utf_8_where_it_can_be_or_in_the_given_encoding(
    raw: bytes, encoding: str | None, path: str, tmp_path: Path
) -> None:
    placeholder = b"x" * len(raw)
    (tmp_path / "a.zip").write_bytes(renamed(written([(placeholder.decode(), b"1")]), placeholder, raw))
    assert pairs(tmp_path / "a.zip", encoding) == [(path, b"1")]
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[: whole.index(b"PK\x01\x02")])  # read without the directory: the same
    assert pairs(tmp_path / "a.zip", encoding)[0] == (path, b"1")


@pytest.mark.parametrize(("name", "path"), [(b"___.jpg", "表.jpg"), (b"changed", "___.jpg")])
def test_the_unicode_path_field_counts_while_it_belongs_to_the_name(name: bytes, path: str, tmp_path: Path) -> None:
    said = b"\x01" + struct.pack("<L", zlib.crc32(name)) + "表.jpg".encode()
    extra = struct.pack("<2H", 0x7075, len(said)) + said
    (tmp_path / "a.zip").write_bytes(written([("___.jpg", b"1")], extra=extra))
    assert pairs(tmp_path / "a.zip") == [(path, b"1")]


def test_a_bad_extra_field_costs_nothing(tmp_path: Path) -> None:
    data = bytearray(written(PHOTOS, extra=struct.pack("<2H", 0x5855, 4) + b"1234"))
    at = data.find(b"UX\x04\x00")
    while at >= 0:
        data[at + 2] = 60  # more than there is
        at = data.find(b"UX\x04\x00", at + 1)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(tmp_path / "a.zip")
    assert pairs(tmp_path / "a.zip") == PHOTOS


@pytest.mark.parametrize(
    "comment",
    [b"PK\x05\x06", b"PK\x05\x06" + bytes(18), b"said PK\x05\x06" + bytes(30), b"PK\x01\x02" * 20, b"PK\x05\x06" * 99],
)
def test_a_comment_may_hold_signatures(comment: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(written(PHOTOS, comment))
    assert pairs(tmp_path / "a.zip") == PHOTOS


@pytest.mark.parametrize("front", [0, 1, 70_000])
@pytest.mark.parametrize("behind", [0, 1, 100_000, 1_200_000])
def test_bytes_in_front_and_behind_do_not_matter(front: int, behind: int, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"#" * front + written(PHOTOS) + bytes(behind))
    found = pairs(tmp_path / "a.zip")
    if front and behind > 1_000_000:
        assert found == [("a.zip", None)]  # nothing says where it begins or ends
    else:
        assert found == PHOTOS


def test_a_second_archive_in_front_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(written([("x.jpg", b"x")]) + written(PHOTOS))
    assert statuses(tmp_path / "a.zip") == [*((name, "ok") for name, _ in PHOTOS), ("a.zip", "archive_damaged")]


def test_an_archive_that_lost_its_beginning_gives_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(written(PHOTOS)[100:])
    assert statuses(tmp_path / "a.zip") == [
        ("real/0.jpg", "archive_damaged"),
        ("real/1.jpg", "ok"),
        ("real/2.jpg", "ok"),
    ]


@pytest.mark.parametrize("zip64", [False, True])
def test_offsets_beyond_4_gib_are_read_with_zip64_and_modulo_without(
    zip64: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift = 1 << 32
    if not zip64:
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1 << 40)
    path = tmp_path / "a.zip"
    with path.open("wb") as stream:
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("0.jpg", b"first")
        central = stream.tell()
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    with path.open("r+b") as stream:
        stream.seek(start + shift)  # a hole of 4 GiB takes no space on the disk
        later = written([("1.jpg", b"later"), ("2.jpg", b"last")])
        middle = later.index(b"PK\x01\x02")
        end = later.index(b"PK\x05\x06")
        stream.write(later[:middle])
        directory = data[start : data.index(b"PK\x05\x06")] + _moved(later[middle:end], start, start + shift, zip64)
        where = stream.tell()
        stream.write(directory)
        stream.write(_end(3, len(directory), where, zip64))
    assert central < path.stat().st_size
    assert pairs(path) == [("0.jpg", b"first"), ("1.jpg", b"later"), ("2.jpg", b"last")]


def _moved(directory: bytes, low: int, far: int, zip64: bool) -> bytes:
    """Return a directory with its offsets moved: by `far` in a ZIP64 field, or else by `low`, which is that modulo."""
    found, at = b"", 0
    while at < len(directory):
        name_length = struct.unpack_from("<H", directory, at + 28)[0]
        entry = bytearray(directory[at : at + 46 + name_length])
        offset = struct.unpack_from("<L", entry, 42)[0]
        entry[42:46] = struct.pack("<L", 0xFFFFFFFF if zip64 else offset + low)
        extra = struct.pack("<2HQ", 1, 8, offset + far) if zip64 else b""
        entry[30:32] = struct.pack("<H", len(extra))
        found += bytes(entry) + extra
        at += 46 + name_length
    return found


def _end(count: int, size: int, offset: int, zip64: bool) -> bytes:
    if not zip64:
        return struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, offset % (1 << 32), 0)
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1)
    return end + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, 0xFFFFFFFF, 0)


def test_one_part_of_a_split_archive_says_how_to_join_it(tmp_path: Path) -> None:
    data = bytearray(written(PHOTOS))
    end = data.index(b"PK\x05\x06")
    data[end + 4 : end + 8] = struct.pack("<2H", 2, 2)  # the third disk
    for name, content in {"a.zip": bytes(data), "a.z01": b"PK\x07\x08" + bytes(500), "a.zip.001": bytes(data)}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=r"split .*zip -s 0") as caught:
            open_source(tmp_path / name)
        assert "\n" not in str(caught.value)


def _packed(method: int, data: bytes) -> bytes:
    """Return a zip with one member `a.jpg`, packed by a method that `zipfile` does not write."""
    packed = zstandard.compress(data) if method == 93 else lzma.compress(data)
    numbers = (20, 0, method, 0, 0, zlib.crc32(data), len(packed), len(data), 5)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", *numbers, 0) + b"a.jpg" + packed
    central = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, *numbers, 0, 0, 0, 0, 0, 0) + b"a.jpg"
    return local + central + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_method_that_zipfile_writes_is_read(method: int, tmp_path: Path) -> None:
    files = [*PHOTOS, ("empty.jpg", b""), ("large.jpg", _noise.randbytes(1_100_000) + bytes(100_000))]
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    assert pairs(tmp_path / "a.zip") == files


@pytest.mark.parametrize("method", [93, 95])
def test_methods_of_newer_tools_are_read(method: int, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(_packed(method, PHOTOS[0][1]))
    assert pairs(tmp_path / "a.zip") == [("a.jpg", PHOTOS[0][1])]


def test_a_method_that_is_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(_packed(9, b"x"))
    (found,) = members(tmp_path / "a.zip")
    assert (str(found.status), found.error) == ("unreadable", "compressed by method 9; pack it again with deflate")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_is_never_opened(method: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("bomb.jpg", bytes(24_000_000))
        archive.writestr("b.jpg", b"b")
    tracemalloc.start()
    assert statuses(tmp_path / "a.zip") == [("bomb.jpg", "too_large"), ("b.jpg", "ok")]
    # One that lies about its size is stopped where it says that it ends.
    data = bytearray((tmp_path / "a.zip").read_bytes())
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<L", 1000)
    (tmp_path / "a.zip").write_bytes(data)
    assert statuses(tmp_path / "a.zip") == [("bomb.jpg", "archive_damaged"), ("b.jpg", "ok")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_members_that_share_their_bytes_are_a_bomb(tmp_path: Path) -> None:
    data = written([("0.jpg", bytes(50_000))])
    central, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    directory = data[central:end] * 500
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 500, 500, len(directory), central, 0)
    (tmp_path / "a.zip").write_bytes(data[:central] + directory + tail)
    assert [status for _, status in statuses(tmp_path / "a.zip")] == ["ok", *["archive_damaged"] * 499]


def test_an_archive_within_the_archive_is_not_opened_and_said(pack: Pack, tmp_path: Path) -> None:
    inner = pack("tar", PHOTOS, tmp_path).read_bytes()
    files = [
        ("inner.zip", written(PHOTOS)),
        ("inner.tar", inner),
        ("inner.gz", b"\x1f\x8b\x08" + bytes(20)),
        ("a", b"a"),
    ]
    found = members(pack("zip", files, tmp_path))
    assert [str(member.status) for member in found] == ["unsupported_format"] * 3 + ["ok"]
    assert "an archive (zip) inside the dump; unpack it" in found[0].error


def test_a_directory_with_a_bad_entry_is_read_from_the_members(tmp_path: Path) -> None:
    data = bytearray(written(PHOTOS))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data[second : second + 4] = b"XXXX"
    (tmp_path / "a.zip").write_bytes(data)
    assert statuses(tmp_path / "a.zip") == [*((name, "ok") for name, _ in PHOTOS), ("a.zip", "archive_damaged")]


def test_a_directory_that_is_cut_names_no_member_twice(tmp_path: Path) -> None:
    data = written(PHOTOS)
    (tmp_path / "a.zip").write_bytes(data[: data.index(b"PK\x05\x06") - 10])
    assert statuses(tmp_path / "a.zip") == [*((name, "ok") for name, _ in PHOTOS), ("a.zip", "archive_damaged")]


@pytest.mark.slow
def test_a_hundred_thousand_members_are_a_hundred_thousand_rows(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(100_000):
            archive.writestr(f"{number}.jpg", b"%d" % number)
    with open_source(tmp_path / "a.zip") as dump:
        assert dump.count() == 100_000  # more than the end record's 16 bits can say
        assert [member.data for member in dump.members()] == [b"%d" % number for number in range(100_000)]
        assert dump.read("99999.jpg") == b"99999"


def test_an_end_record_that_promises_billions_takes_no_memory(tmp_path: Path) -> None:
    promise = (1 << 40, 1 << 40, 1 << 45, 0)
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, *promise)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    data = end + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "a.zip").write_bytes(b"####" + data)
    assert statuses(tmp_path / "a.zip") == [("a.zip", "archive_damaged")]
