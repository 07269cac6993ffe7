"""Hostile and broken archives: a row that says what is wrong, never an exception, never a byte too many."""

from __future__ import annotations

import io
import os
import random
import stat
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.sources import Member, SourceError, Status, folder, location, open_source, tarwalk, zipped
from tasks.sources.member import path_fault, read_bounded

Files = list[tuple[str, bytes]]
Pack = Callable[[str, Files, Path], Path]
ARCHIVES = ("zip", "tar", "tar.gz", "tar.zst", "tar.bz2", "tar.xz")
# Incompressible, so that a cut archive is cut within a member.
_noise = random.Random(20)
PHOTOS: Files = [(f"{number}.jpg", _noise.randbytes(60_000)) for number in range(20)]


def rows(path: Path) -> list[Member]:
    with open_source(path) as dump:
        members = list(dump.members())
        assert dump.count() in (len(members), None)
        assert [member for shard in dump.shards(3) for member in shard] == members
        return members


def outcome(path: Path) -> list[tuple[str, str]]:
    return [(member.path, str(member.status)) for member in rows(path)]


def write_tar(path: Path, entries: list[tarfile.TarInfo]) -> Path:
    mode = "w:gz" if path.suffix == ".gz" else "w:"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for info in entries:
            info.size = 4 if info.isreg() else 0
            archive.addfile(info, io.BytesIO(b"data"))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize(
    "path", ["../x.jpg", "a/../../x.jpg", "/etc/passwd", "C:\\x.jpg", "c:x.jpg", "..\\x.jpg", "\\\\host\\x"]
)
def test_a_path_that_climbs_out_is_never_opened(pack: Pack, kind: str, path: str, tmp_path: Path) -> None:
    members = rows(pack(kind, [(path, b"secret"), ("good.jpg", b"good")], tmp_path))
    assert [(member.path, member.data, str(member.status)) for member in members] == [
        (path, None, "unsafe_path"),
        ("good.jpg", b"good", "ok"),
    ]
    assert members[0].error


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_links_pipes_and_devices_of_a_tar_are_rows(name: str, tmp_path: Path) -> None:
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
    entries = [entry("a.jpg"), *(entry(f"{kind!r}", kind, "a.jpg") for kind in kinds), entry("dir", tarfile.DIRTYPE)]
    found = outcome(write_tar(tmp_path / name, [*entries, entry("z.jpg")]))
    assert [status for _, status in found] == ["ok", "not_a_file", "ok", *["not_a_file"] * 3, "ok"]


def test_links_and_pipes_of_a_zip_are_rows(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, mode in {"link": stat.S_IFLNK, "pipe": stat.S_IFIFO, "a.jpg": stat.S_IFREG, "plain": 0}.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o644) << 16
            archive.writestr(info, b"/etc/passwd")
    assert outcome(tmp_path / "a.zip") == [
        ("link", "not_a_file"),
        ("pipe", "not_a_file"),
        ("a.jpg", "ok"),
        ("plain", "ok"),
    ]


def test_links_and_pipes_of_a_folder_are_rows(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    dump = tmp_path / "dump"
    dump.mkdir()
    (dump / "a.jpg").write_bytes(b"a")
    (dump / "link").symlink_to(outside / "secret")
    (dump / "linked folder").symlink_to(outside)
    os.mkfifo(dump / "pipe")
    assert outcome(dump) == [
        ("a.jpg", "ok"),
        ("link", "not_a_file"),
        ("linked folder", "not_a_file"),
        ("pipe", "not_a_file"),
    ]


def test_a_file_that_becomes_a_link_or_goes_away_after_the_listing_is_unreadable(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x")
    with open_source(tmp_path) as dump:
        (tmp_path / "a").unlink()
        (tmp_path / "b").unlink()
        (tmp_path / "b").symlink_to(tmp_path / "c")
        assert [str(member.status) for member in dump.members()] == ["unreadable", "unreadable", "ok"]


def test_a_pipe_given_as_the_dump_is_one_clear_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        open_source(tmp_path / "pipe")


def test_names_that_are_no_unicode_come_out_printable(tmp_path: Path) -> None:
    (tmp_path / "dump").mkdir()
    Path(os.fsdecode(bytes(tmp_path / "dump") + b"/caf\xe9.jpg")).write_bytes(b"a")
    members = rows(tmp_path / "dump")
    assert members == [Member("caf\\udce9.jpg", b"a")]
    members[0].path.encode("utf-8")
    info = entry("caf\udce9.jpg")
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        archive.addfile(info)
    assert rows(tmp_path / "a.tar") == [Member("caf\\udce9.jpg", b"")]


def test_a_member_with_a_password_is_encrypted(pack: Pack, tmp_path: Path) -> None:
    path = pack("zip", [("a.jpg", b"a" * 50), ("b.jpg", b"b")], tmp_path)
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the first local header's flags
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert outcome(path) == [("a.jpg", "encrypted"), ("b.jpg", "ok")]


def test_a_wrong_checksum_is_that_members_fault_alone(pack: Pack, tmp_path: Path) -> None:
    path = pack("zip", PHOTOS[:3], tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(PHOTOS[1][1][100:200])] ^= 1
    path.write_bytes(data)
    assert outcome(path) == [("0.jpg", "ok"), ("1.jpg", "archive_damaged"), ("2.jpg", "ok")]


def test_an_unknown_compression_is_said(pack: Pack, tmp_path: Path) -> None:
    path = pack("zip", [("a.jpg", b"a" * 50), ("b.jpg", b"b")], tmp_path)
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[8:10] = data[central + 10 : central + 12] = struct.pack("<H", 97)
    path.write_bytes(data)
    assert outcome(path) == [("a.jpg", "unreadable"), ("b.jpg", "ok")]


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("share", [0.15, 0.5, 0.8, 0.9])
def test_a_cut_archive_gives_what_is_whole_and_one_row_more(
    pack: Pack, kind: str, share: float, tmp_path: Path
) -> None:
    path = pack(kind, PHOTOS, tmp_path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    members = rows(path)
    assert (members[-1].path, str(members[-1].status)) == (path.name, "archive_damaged")
    assert [(member.path, member.data) for member in members[:-1]] == PHOTOS[: len(members) - 1]
    # Each photo takes about a twentieth of the archive; gzip and zstd hold back the block that is cut.
    assert len(members) - 1 >= int(20 * share * (0.95 if kind in ("zip", "tar") else 0.5)) - 1


def test_a_zip_written_to_a_pipe_is_saved_too_when_it_is_cut(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        """A file that cannot go back, so that sizes and checksums follow the data."""

        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in PHOTOS[:5]:
            archive.writestr(name, data)
    (tmp_path / "a.zip").write_bytes(pipe.data[: pipe.data.index(b"PK\x01\x02")])
    assert outcome(tmp_path / "a.zip") == [
        *((f"{number}.jpg", "ok") for number in range(5)),
        ("a.zip", "archive_damaged"),
    ]


def test_a_tar_without_its_end_or_with_a_bad_header_or_more_behind_it_says_so(pack: Pack, tmp_path: Path) -> None:
    path = pack("tar", PHOTOS[:3], tmp_path)
    whole = path.read_bytes()
    header = whole.index(b"1.jpg")
    broken = whole[:header] + b"XXXXX" + whole[header + 5 :]
    for content, photos in ((whole[: 3 * (512 + 60_416)], 3), (broken, 1), (whole + whole, 3)):
        path.write_bytes(content)
        assert outcome(path) == [
            *((f"{number}.jpg", "ok") for number in range(photos)),
            ("dump.tar", "archive_damaged"),
        ]


def test_garbage_with_the_name_of_an_archive_is_one_row(tmp_path: Path) -> None:
    for name in ("a.zip", "a.tar", "a.tar.gz", "a.tar.zst", "a.tar.bz2", "a.tar.xz", "a.parquet"):
        (tmp_path / name).write_bytes(b"garbage" * 1000)
        assert outcome(tmp_path / name) == [(name, "archive_damaged")]


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_member_that_is_too_large_is_left_unread(
    pack: Pack, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (zipped, tarwalk, folder):
        monkeypatch.setattr(module, "MAX_MEMBER_BYTES", 1000)
    path = pack(kind, [("a.jpg", bytes(1001)), ("b.jpg", bytes(1000))], tmp_path)
    assert outcome(path) == [("a.jpg", "too_large"), ("b.jpg", "ok")]


def test_reading_stops_at_the_limit_whatever_a_header_promised() -> None:
    assert read_bounded(io.BytesIO(bytes(1000)), 1000) == bytes(1000)
    assert read_bounded(io.BytesIO(bytes(1001)), 1000) is None


def test_a_zip_bomb_that_lies_about_its_size_is_not_blown_up(pack: Pack, tmp_path: Path) -> None:
    path = pack("zip", [("bomb.jpg", bytes(200_000_000)), ("b.jpg", b"b")], tmp_path)
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[22:26] = data[central + 24 : central + 28] = struct.pack("<L", 1000)
    path.write_bytes(data)
    tracemalloc.start()
    assert outcome(path) == [("bomb.jpg", "archive_damaged"), ("b.jpg", "ok")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_header_that_asks_for_too_much_memory_is_damage(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarwalk, "HEADER_BYTES", 10_000)
    with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w:") as archive:
        archive.addfile(entry("a.jpg"))
        info = entry("b.jpg")
        info.pax_headers = {"comment": "x" * 20_000}
        archive.addfile(info)
    assert outcome(tmp_path / name) == [("a.jpg", "ok"), (name, "archive_damaged")]


def test_a_header_that_points_backwards_does_not_loop(pack: Pack, tmp_path: Path) -> None:
    path = pack("tar", PHOTOS[:2], tmp_path)
    data = bytearray(path.read_bytes())
    data[124:136] = b"\xff" + (-1024).to_bytes(11, "big", signed=True)  # the size, base 256
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    path.write_bytes(data)
    assert outcome(path)[-1] == ("dump.tar", "archive_damaged")


def test_a_sparse_file_is_filled_with_its_holes(tmp_path: Path) -> None:
    runs, size = [(1024, b"A" * 512), (4096, b"B" * 512)], 10_000
    header = bytearray(entry("sparse.jpg").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"%011o\0" % 1024
    header[156:157] = tarfile.GNUTYPE_SPARSE
    for number, (offset, data) in enumerate(runs):
        header[386 + 24 * number : 386 + 24 * number + 24] = b"%011o\0%011o\0" % (offset, len(data))
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(header) + runs[0][1] + runs[1][1] + bytes(1024))
    expected = bytes(1024) + b"A" * 512 + bytes(2560) + b"B" * 512 + bytes(size - 4608)
    assert rows(path) == [Member("sparse.jpg", expected)]


@settings(deadline=None, max_examples=150)
@given(
    kind=st.sampled_from([*ARCHIVES, "parquet"]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.floats(0, 1),
)
def test_no_broken_byte_anywhere_makes_an_exception(
    pack: Pack, kind: str, edits: list[tuple[float, int]], cut: float
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = pack(kind, [(f"{number}.jpg", bytes([number]) * 300) for number in range(6)], Path(temporary))
        data = bytearray(path.read_bytes())
        for at, value in edits:
            data[min(int(at * len(data)), len(data) - 1)] = value
        path.write_bytes(data[: len(data) - int(len(data) * max(0.0, cut - 0.7))])
        try:
            members = rows(path)
        except SourceError as error:
            members = [Member("", None, Status.UNREADABLE, str(error))]
        assert members
        assert all((member.data is None) == (member.status is not Status.OK) for member in members)
        assert all(member.error or member.data is not None for member in members)


def test_a_disk_that_fails_is_an_error_and_not_a_damaged_archive(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            raise OSError(5, "Input/output error")

    with open_source(pack("tar", PHOTOS, tmp_path)) as dump:
        monkeypatch.setattr(location.Handle, "_open", lambda handle: Broken())
        with pytest.raises(SourceError, match=r"dump\.tar: cannot be read .*Input/output error"):
            next(dump.members())


def test_a_path_without_a_name_is_told_from_an_absolute_one() -> None:
    assert path_fault("") == "an empty path"
    assert path_fault("/etc/passwd") == "an absolute path"
    assert path_fault("\\\\server\\share") == "an absolute path"
    assert path_fault("a/b.jpg") is None


def test_a_file_that_became_a_pipe_is_not_read(tmp_path: Path) -> None:
    """Between the listing and the reading: it would be an empty file, or never end."""
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(OSError, match="is no regular file any more"):
        folder._read_file(location.locate(str(tmp_path)), "a.jpg")
