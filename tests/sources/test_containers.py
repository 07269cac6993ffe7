"""Every container gives back what was put into it: all of it, in order, by members, shards and threads alike."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.sources import IndexedSource, SourceError, Status, open_source, source
from tasks.sources.member import LFS_POINTER, archive_kind, clean_path, path_fault
from tasks.sources.sidecars import SIDECARS
from tasks.sources.system_files import is_system_file

Files = list[tuple[str, bytes]]
Pack = Callable[[str, Files, Path], Path]

SAMPLE: Files = [(f"faces/{number:02d}.jpg", bytes([number]) * (number * 37 % 50)) for number in range(23)]

_part = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
_path = st.lists(_part, min_size=1, max_size=3).map("/".join)


def _is_plain(path: str) -> bool:
    """Whether the path is safe and neither a system file's nor perhaps a sidecar's."""
    special = is_system_file(path) or path.rpartition(".")[2].lower() in SIDECARS
    return not (special or path_fault(path) or "." in path.split("/")) and clean_path(path) == path


_safe = _path.filter(_is_plain)
_bytes = st.binary(max_size=2000).filter(lambda data: archive_kind(data) is None and not data.startswith(LFS_POINTER))
_files = st.lists(st.tuples(_safe, _bytes), min_size=1, max_size=12)


def pairs(url: object) -> list[tuple[str, bytes | None]]:
    with open_source(str(url)) as dump:
        return [(member.path, member.data) for member in dump.members()]


@settings(deadline=None, max_examples=60)
@given(files=_files, kind=st.sampled_from(["zip", "tar", "tar.gz", "tar.zst", "tar.bz2", "tar.xz"]))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_gives_back_any_names_and_bytes_even_twice(pack: Pack, files: Files, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = pairs(pack(kind, files, Path(folder)))
    # zip has no file whose name ends like a folder's.
    assert found == [(path, data) for path, data in files]


@settings(deadline=None, max_examples=40)
@given(
    files=st.dictionaries(_part.filter(lambda name: name not in (".", "..") and _is_plain(name)), _bytes, min_size=1)
)
def test_a_folder_gives_back_any_names_sorted(pack: Pack, files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert pairs(pack("folder", list(files.items()), Path(folder))) == sorted(files.items())


@settings(deadline=None, max_examples=40)
@given(files=_files)
def test_parquet_gives_back_any_bytes_and_a_path_that_is_repeated_by_row(pack: Pack, files: Files) -> None:
    paths = [path for path, _ in files]
    expected = [
        (path if paths.count(path) == 1 else f"dump.parquet#{row}", data) for row, (path, data) in enumerate(files)
    ]
    with tempfile.TemporaryDirectory() as folder:
        assert pairs(pack("parquet", files, Path(folder))) == expected


def test_shards_together_are_the_members(pack: Pack, kind: str, tmp_path: Path) -> None:
    with open_source(pack(kind, SAMPLE, tmp_path)) as dump:
        assert dump.kind == kind
        members = list(dump.members())
        assert [(member.path, member.data) for member in members] == SAMPLE
        assert dump.count() in (len(SAMPLE), None)
        for size in (1, 4, 23, 100):
            shards = list(dump.shards(size))
            assert [member for shard in shards for member in shard] == members
            assert [(shard.index, shard.start, len(shard)) for shard in shards] == [
                (index, start, min(size, 23 - start)) for index, start in enumerate(range(0, 23, size))
            ]


def test_threads_read_shards_of_one_source_at_once(pack: Pack, kind: str, tmp_path: Path) -> None:
    files = [(f"{number}.bin", bytes([number % 256]) * 20_000) for number in range(200)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns at every chance, so that a missing lock shows
    try:
        with open_source(pack(kind, files, tmp_path)) as dump, ThreadPoolExecutor(8) as pool:
            expected = list(dump.members())
            shards = list(dump.shards(7)) * 3
            parts = list(pool.map(lambda shard: shard.read(), shards))
    finally:
        sys.setswitchinterval(usual)
    assert [member for part in parts for member in part] == expected * 3


def test_a_shard_travels_to_another_process(pack: Pack, kind: str, tmp_path: Path) -> None:
    with open_source(pack(kind, SAMPLE, tmp_path)) as dump:
        shards = pickle.loads(pickle.dumps(list(dump.shards(5))))
        assert [member for shard in shards for member in shard.read()] == list(dump.members())


def test_a_shard_of_a_relative_path_travels_to_another_folder(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = Path(pack("tar", SAMPLE, tmp_path))
    monkeypatch.chdir(packed.parent)
    sent = pickle.dumps(next(open_source(packed.name).shards(5)))
    monkeypatch.chdir("/")
    assert [member.path for member in pickle.loads(sent)] == [path for path, _ in SAMPLE][:5]


@pytest.mark.parametrize("container", ["folder", "tar", "zip"])
def test_a_shard_travels_without_the_index_of_the_whole(
    pack: Pack, container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [(f"{number:04d}.jpg", bytes([number % 251])) for number in range(500)]
    with open_source(pack(container, files, tmp_path)) as dump:
        sent = pickle.dumps(list(dump.shards(20))[3])
        expected = list(dump.members())[60:80]
    monkeypatch.setattr("tasks.sources.source._open_again", lambda reopen: pytest.fail("indexed again"))
    shard = pickle.loads(sent)
    assert shard.read() == expected
    assert shard.pick([3, 19]) == [expected[3], expected[19]]
    assert pickle.loads(pickle.dumps(shard)).read() == expected
    assert len(sent) < 6000


def test_a_stream_closes_a_shard_before_it_fills_the_memory(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "SHARD_BYTES", 5000)
    files = [(f"{number}.jpg", bytes(2000)) for number in range(7)]
    shards = list(open_source(pack("tar.gz", files, tmp_path)).shards(100))
    assert [(shard.start, shard.stop) for shard in shards] == [(0, 3), (3, 6), (6, 7)]


def test_one_member_is_read_by_its_path(pack: Pack, kind: str, tmp_path: Path) -> None:
    with open_source(pack(kind, SAMPLE, tmp_path)) as dump:
        assert dump.read("faces/07.jpg") == SAMPLE[7][1]
        with pytest.raises(SourceError, match=r"dump.* has no member 'labels\.csv'"):
            dump.read("labels.csv")


def test_the_fingerprint_changes_with_the_content_and_only_with_it(pack: Pack, kind: str, tmp_path: Path) -> None:
    path = pack(kind, SAMPLE, tmp_path)
    first = open_source(path).fingerprint()
    assert first == open_source(path).fingerprint()
    assert len(first) == 64
    (tmp_path / "again").mkdir()
    assert first != open_source(pack(kind, [*SAMPLE, ("more.jpg", b"x")], tmp_path / "again")).fingerprint()


def test_the_fingerprint_of_a_folder_changes_with_the_time_of_a_file_alone(pack: Pack, tmp_path: Path) -> None:
    path = pack("folder", SAMPLE, tmp_path)
    file = path / "faces" / "07.jpg"
    os.utime(file, ns=(10**18, 10**18))
    first = open_source(path).fingerprint()
    file.write_bytes(bytes(len(SAMPLE[7][1])))  # as many bytes
    os.utime(file, ns=(10**18, 10**18 + 1))
    assert open_source(path).fingerprint() != first
    file.rename(path / "faces" / "7.jpg")
    os.utime(path / "faces" / "7.jpg", ns=(10**18, 10**18))
    assert open_source(path).fingerprint() != first


def test_the_kind_is_told_by_content_not_by_name(pack: Pack, kind: str, tmp_path: Path) -> None:
    path = pack(kind, SAMPLE, tmp_path).rename(tmp_path / "noname")
    assert pairs(path) == SAMPLE


def test_a_leading_dot_slash_is_no_part_of_a_path(pack: Pack, tmp_path: Path) -> None:
    assert pairs(pack("tar", [("./real/a.jpg", b"a"), (".hidden", b"b")], tmp_path)) == [
        ("real/a.jpg", b"a"),
        (".hidden", b"b"),
    ]


def test_folders_are_no_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/a.jpg", b"a")
    assert pairs(tmp_path / "a.zip") == [("folder/a.jpg", b"a")]


def test_any_fsspec_address_will_do(pack: Pack, kind: str, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    root = f"/{uuid.uuid4().hex}"
    local = pack(kind, SAMPLE, tmp_path)
    memory.put(str(local), f"{root}/{local.name}", recursive=True)
    address = f"memory:/{root}/{local.name}"
    with open_source(address) as dump:
        first = dump.fingerprint()
        assert [(member.path, member.data) for member in dump.members()] == SAMPLE
        assert [member.data for shard in dump.shards(5) for member in shard.read()] == [data for _, data in SAMPLE]
    assert first == open_source(address).fingerprint()
    memory.pipe(f"{root}/{local.name}" + ("/faces/00.jpg" if kind == "folder" else ""), b"another")
    if kind == "folder":
        assert open_source(address).fingerprint() != first
    memory.rm(root, recursive=True)


@pytest.mark.parametrize("kind_of_archive", ["zip", "tar", "tar.gz", "parquet"])
def test_a_web_address_is_read_by_ranges(pack: Pack, kind_of_archive: str, tmp_path: Path, web: Any) -> None:
    web.data = pack(kind_of_archive, SAMPLE, tmp_path).read_bytes()
    assert [data for _, data in pairs(web.url)] == [data for _, data in SAMPLE]


def test_what_is_not_there_or_holds_nothing_is_one_clear_error(pack: Pack, kind: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.zip: there is no such file"):
        open_source(tmp_path / "nowhere.zip")
    (tmp_path / "dump").mkdir()
    with pytest.raises(SourceError, match=r"dump.*: holds no files"):
        list(open_source(pack(kind, [], tmp_path)).members())


@pytest.mark.parametrize("content", [b"", b"hello, world\n" * 100, b"Rar!\x1a\x07\x00" + bytes(600)])
def test_what_is_no_container_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "thing").write_bytes(content)
    with pytest.raises(SourceError, match=r"thing: is (an empty file|no folder)"):
        open_source(tmp_path / "thing")


def test_an_address_that_nobody_can_read_is_one_clear_error() -> None:
    with pytest.raises(SourceError, match=r"gopher://x/y\.zip: no way to read"):
        open_source("gopher://x/y.zip")


def test_a_file_is_held_to_its_hash(pack: Pack, tmp_path: Path) -> None:
    path = pack("zip", SAMPLE, tmp_path)
    right = open_source(path).fingerprint()
    assert open_source(path, sha256=right).fingerprint() == right
    with pytest.raises(SourceError, match=f"{right}, not {'0' * 64}"):
        open_source(path, sha256="0" * 64)


def test_the_real_dumps_are_whole(real_data: Path) -> None:
    for name, count in {"lfw.zip": 1063, "utkface.tar.gz": 1500, "omi_stylegan2.tar": 250}.items():
        with open_source(real_data / "faces" / name) as dump:
            members = list(dump.members())
        assert len(members) == count
        assert all(member.status is Status.OK and member.data for member in members)


def test_one_row_of_an_indexed_source_is_read_alone(pack: Pack, kind: str, tmp_path: Path) -> None:
    with open_source(pack(kind, SAMPLE, tmp_path)) as dump:
        if isinstance(dump, IndexedSource):
            assert [member.path for member in dump.rows(11, 13)] == ["faces/11.jpg", "faces/12.jpg"]
        else:
            assert dump.kind in ("tar.gz", "tar.zst", "tar.bz2", "tar.xz")
