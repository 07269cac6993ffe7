"""A download happens once, goes on where it broke off, and is trusted only with the right hash."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.sources import SourceError, download, open_source


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_second_call_makes_no_request(web: Any, tmp_path: Path) -> None:
    path = download(web.url, sha(web.data), tmp_path)
    assert (path.name, path.read_bytes()) == ("dump.zip", web.data)
    assert len(web.requests) == 1
    assert download(web.url, sha(web.data).upper(), tmp_path) == path
    assert len(web.requests) == 1


def test_a_broken_connection_goes_on_where_it_stopped(web: Any, tmp_path: Path) -> None:
    web.cuts = [1_000_000, 500_000]
    assert download(web.url, sha(web.data), tmp_path, wait_s=0).read_bytes() == web.data
    assert web.requests == ["", "bytes=1000000-", "bytes=1500000-"]


def test_what_an_earlier_call_left_is_taken_up(web: Any, tmp_path: Path) -> None:
    web.cuts = [1_000_000, 0, 0, 0, 0, 0]
    with pytest.raises(SourceError, match="broke off 5 times in a row"):
        download(web.url, sha(web.data), tmp_path, wait_s=0)
    web.requests.clear()
    web.cuts.clear()
    assert download(web.url, sha(web.data), tmp_path).read_bytes() == web.data
    assert web.requests == ["bytes=1000000-"]


def test_a_server_without_ranges_starts_again(web: Any, tmp_path: Path) -> None:
    web.ranges = False
    web.cuts = [1_000_000]
    assert download(web.url, sha(web.data), tmp_path, wait_s=0).read_bytes() == web.data


@pytest.mark.parametrize("left", [3_072_000, 4_000_000])
def test_a_whole_or_longer_remainder_is_settled(web: Any, tmp_path: Path, left: int) -> None:
    part = tmp_path / sha(web.data) / "dump.zip.part"
    part.parent.mkdir()
    part.write_bytes((web.data + bytes(1_000_000))[:left])
    assert download(web.url, sha(web.data), tmp_path, wait_s=0).read_bytes() == web.data


def test_the_beginning_of_another_version_is_thrown_away(web: Any, tmp_path: Path) -> None:
    part = tmp_path / sha(web.data) / "dump.zip.part"
    part.parent.mkdir()
    part.write_bytes(b"an older version")
    assert download(web.url, sha(web.data), tmp_path).read_bytes() == web.data


def test_a_wrong_hash_is_an_error_and_leaves_nothing(web: Any, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"its SHA-256 is {sha(web.data)}, not {'0' * 64}"):
        download(web.url, "0" * 64, tmp_path)
    assert not list(tmp_path.rglob("dump.zip*[!k]"))


@pytest.mark.parametrize("left", [0, 16, 1_000_000, 3_072_000, 4_000_000])
def test_a_wrong_hash_is_an_error_whatever_an_earlier_call_left(web: Any, tmp_path: Path, left: int) -> None:
    part = tmp_path / ("0" * 64) / "dump.zip.part"
    part.parent.mkdir()
    part.write_bytes((web.data + bytes(1_000_000))[:left])
    with pytest.raises(SourceError, match=f"its SHA-256 is {sha(web.data)}, not {'0' * 64}"):
        download(web.url, "0" * 64, tmp_path, wait_s=0)
    assert not list(tmp_path.rglob("dump.zip*[!k]"))


def test_a_missing_file_is_an_error_at_once(web: Any, tmp_path: Path) -> None:
    web.answers = [404]
    with pytest.raises(SourceError, match=r"dump\.zip: the server answers 404"):
        download(web.url, "0" * 64, tmp_path)
    assert len(web.requests) == 1


def test_a_busy_server_is_asked_again(web: Any, tmp_path: Path) -> None:
    web.answers = [503, 429]
    assert download(web.url, sha(web.data), tmp_path, wait_s=0).read_bytes() == web.data
    assert len(web.requests) == 3


def test_nobody_at_home_is_an_error(tmp_path: Path, closed_port: int) -> None:
    with pytest.raises(SourceError, match=r"broke off 5 times in a row .*refused"):
        download(f"http://127.0.0.1:{closed_port}/a.zip", "0" * 64, tmp_path, wait_s=0)


@pytest.mark.parametrize(("url", "digest"), [("ftp://x/a.zip", "0" * 64), ("http://x/a.zip", "12")])
def test_bad_arguments_are_an_error(url: str, digest: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="64 hexadecimal digits"):
        download(url, digest, tmp_path)


def test_threads_that_want_the_same_file_fetch_it_once(web: Any, tmp_path: Path) -> None:
    threads = [threading.Thread(target=download, args=(web.url, sha(web.data), tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(web.requests) == 1


def test_a_source_with_a_hash_is_downloaded_and_keeps_its_address(web: Any, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jpg", b"a")
    web.data = buffer.getvalue()
    with open_source(web.url, sha256=sha(web.data), cache=tmp_path) as dump:
        assert [member.data for member in dump.members()] == [b"a"]
        assert (dump.url, dump.name, dump.fingerprint()) == (web.url, "dump.zip", sha(web.data))
