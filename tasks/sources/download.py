"""Fetch a file over http(s) once: resumed where it broke off, and trusted only when its SHA-256 is right."""

from __future__ import annotations

import fcntl
import http
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tasks.params.files import sha256_file
from tasks.sources.member import PIECE, SourceError

# Connections lost in a row, without one new byte, before it gives up; the waits between them add up to 15 s.
_TRIES = 5
_WAIT_S = 1.0
_TIMEOUT_S = 60.0
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Answers that may be another one in a moment.
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_LOST = (urllib.error.URLError, http.client.HTTPException, OSError)


def is_http(url: str) -> bool:
    """Return whether `url` is http or https."""
    return urlsplit(url).scheme in ("http", "https")


def default_cache() -> Path:
    """Return the folder for downloads where none is configured: $XDG_CACHE_HOME/fauxface or ~/.cache/fauxface."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fauxface"


def download(url: str, sha256: str, cache: Path, *, wait_s: float = _WAIT_S) -> Path:
    """Return the path of the file at `url`, which is fetched into `cache` unless it is there already.

    A broken connection is taken up again by a Range request, now or at the next call; `wait_s` is the first pause in
    seconds, doubled after each failure in a row. Raises SourceError: not reachable, refused, or another SHA-256 (then
    what was fetched is removed).
    """
    sha256 = sha256.lower()
    if not is_http(url) or not _SHA256.fullmatch(sha256):
        raise SourceError(f"{url}: a download needs an http(s) address and a SHA-256 of 64 hexadecimal digits")
    name = unquote(urlsplit(url).path).rstrip("/").rsplit("/", 1)[-1] or "download"
    target = cache / sha256 / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            if not target.exists():
                _fetch(url, sha256, target, wait_s)
    return target


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Let one process or thread fetch; the others wait and find the file. The lock goes with its holder."""
    with target.with_name(f"{target.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(url: str, sha256: str, target: Path, wait_s: float) -> None:
    part = target.with_name(f"{target.name}.part")
    begun_earlier = part.exists()
    found = _complete(url, part, wait_s)
    if found != sha256 and begun_earlier:
        # The beginning may be that of an older version of the file.
        part.unlink()
        found = _complete(url, part, wait_s)
    if found != sha256:
        part.unlink()
        raise SourceError(f"{url}: its SHA-256 is {found}, not {sha256}; removed. Correct the hash or the address")
    part.replace(target)


def _complete(url: str, part: Path, wait_s: float) -> str:
    """Bring `part` to its full length, however often the connection breaks; returns its SHA-256."""
    failures, furthest = 0, _size(part)
    while failures < _TRIES:
        if not (reason := _attempt(url, part)):
            return sha256_file(part)
        # A server without ranges starts again each time: only what goes beyond the last try is progress.
        failures = 0 if _size(part) > furthest else failures + 1
        furthest = max(furthest, _size(part))
        time.sleep(wait_s * 2**failures)
    raise SourceError(f"{url}: broke off {_TRIES} times in a row ({reason}); call again, it goes on where it stopped")


def _attempt(url: str, part: Path) -> str:
    """Fetch what is missing of `part`; returns why that broke off, or nothing when it is complete."""
    try:
        _transfer(url, part)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return _settle(part, error.headers.get("Content-Range", ""))
            if error.code not in _PASSING:
                raise SourceError(f"{url}: the server answers {error.code} {error.reason}; check the address") from None
            return f"{error.code} {error.reason}"
    except _LOST as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _transfer(url: str, part: Path) -> None:
    have = _size(part)
    headers = {"User-Agent": "fauxface", **({"Range": f"bytes={have}-"} if have else {})}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - download() takes http(s) only
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
        goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        promised = response.headers.get("Content-Length")
        with part.open("ab" if goes_on else "wb") as stream:
            shutil.copyfileobj(response, stream, PIECE)
            received = stream.tell() - (have if goes_on else 0)
    # http.client takes a connection that closes early for the end of the file.
    if promised is not None and received < int(promised):
        raise ConnectionError(f"the connection closed after {received} of {promised} bytes")


def _settle(part: Path, content_range: str) -> str:
    """The server has nothing behind `part`: it is complete, or it is too long and starts again."""
    if content_range == f"bytes */{_size(part)}":
        return ""
    part.unlink()
    return "the file on the server is shorter than what was fetched of it"


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
