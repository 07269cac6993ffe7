"""Writers of every container, and a small web server."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

Files = list[tuple[str, bytes]]
Pack = Callable[[str, Files, Path], Path]
KINDS = ("folder", "zip", "tar", "tar.gz", "tar.zst", "tar.bz2", "tar.xz", "parquet")


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of container in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def pack() -> Pack:
    """Write (path, bytes) pairs into a container of a kind, in a folder; returns the container's path."""
    return _pack


def _pack(kind: str, files: Files, folder: Path) -> Path:
    target = folder / ("dump" if kind == "folder" else f"dump.{kind}")
    if kind == "folder":
        for path, data in files:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(data)
    elif kind == "zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in files:
                archive.writestr(zipfile.ZipInfo(path), data, zipfile.ZIP_DEFLATED)
    elif kind == "parquet":
        rows = [{"bytes": data, "path": path} for path, data in files]
        schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))])
        pq.write_table(pa.Table.from_pylist([{"image": row} for row in rows], schema), target, row_group_size=3)
    else:
        target.write_bytes(_compress(kind, _tar(files)))
    return target


def _tar(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in files:
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _compress(kind: str, data: bytes) -> bytes:
    if kind == "tar.zst":
        return zstandard.ZstdCompressor().compress(data)
    if kind == "tar.gz":
        return gzip.compress(data)
    if kind == "tar.bz2":
        return bz2.compress(data, 1)  # in blocks of 100 kB
    if kind == "tar.xz":
        return lzma.compress(data)
    return data


class Web(ThreadingHTTPServer):
    """Serves one file with byte ranges; `cuts` says after how many bytes each of the next answers breaks off."""

    daemon_threads = True

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = data
        self.ranges = True
        self.cuts: list[int] = []
        self.requests: list[str] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/dumps/dump.zip"


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_HEAD(self) -> None:
        self._head(200, len(self.server.data), None)

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.requests.append(wanted)
        if self.server.answers:
            self._head(self.server.answers.pop(0), 0, None)
            return
        data = self.server.data
        if wanted and self.server.ranges:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or len(data)) + 1, len(data))
            if start >= len(data):
                self._head(416, 0, f"bytes */{len(data)}")
                return
            self._head(206, stop - start, f"bytes {start}-{stop - 1}/{len(data)}")
            data = data[start:stop]
        else:
            self._head(200, len(data), None)
        self.wfile.write(data[: self.server.cuts.pop(0)] if self.server.cuts else data)

    def _head(self, status: int, length: int, content_range: str | None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on this machine that serves 3 MB; the test may set what it serves and how it fails."""
    server = Web(bytes(range(256)) * 12_000)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
