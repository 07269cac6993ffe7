"""Which Prefect server is used, and what is said of one that cannot be."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows import server
from flows.server import configured_url, ensure_server, why_not
from tasks.params import FauxfaceError


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Yield the address of something that answers every request alike."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/api"
        finally:
            listening.shutdown()
            thread.join()


@contextmanager
def refusing() -> Iterator[str]:
    """Yield an address that refuses: its port is taken, and nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/api"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH", "no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_server_on_this_machine_is_asked_directly(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with refusing() as dead, answering(200, b"true") as url:
        monkeypatch.setenv(variable, dead)
        assert why_not(url) is None


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"true", None),
        (401, b"who are you?", None),
        (404, b"not here", "status 404; the address ends in /api"),
        (500, b"oh", "status 500"),
        (200, b"<html>the UI</html>", "no Prefect API"),
    ],
)
def test_what_answers_is_told_from_a_prefect_server(status: int, body: bytes, expected: str | None) -> None:
    with answering(status, body) as url:
        reason = why_not(url)
    assert reason == expected or (expected is not None and expected in str(reason))


def test_a_server_that_was_stopped_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing() as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        with pytest.raises(FauxfaceError) as refused:
            ensure_server()
    first, second = str(refused.value).splitlines()
    assert first.startswith(f"The Prefect server at {url} does not answer (")
    assert "refused" in first
    assert "correct or unset PREFECT_API_URL" in second


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://[", "ftp:/x"])
def test_an_address_that_is_none_is_told_too(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(FauxfaceError, match="does not answer"):
        ensure_server()


def test_the_active_profile_alone_names_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profiles = tmp_path / "profiles.toml"
    assert configured_url() is None
    profiles.write_text('active = "a"\n[profiles.a]\n[profiles.b]\nPREFECT_API_URL = "http://b/api"\n')
    assert configured_url() is None
    monkeypatch.setenv("PREFECT_PROFILE", "b")
    assert configured_url() == "http://b/api"
    monkeypatch.setenv("PREFECT_API_URL", "http://c/api")
    assert configured_url() == "http://c/api"
    monkeypatch.delenv("PREFECT_API_URL")
    profiles.write_text("no toml")
    assert configured_url() is None


def test_a_home_that_cannot_be_written_is_told_before_a_server_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv("PREFECT_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(FauxfaceError, match=r"cannot keep its database there \(Not a directory\)\.\n.*PREFECT_H"):
        ensure_server()


def test_a_server_that_does_not_start_is_told_by_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    import psutil

    def failing(*_: str) -> list[str]:
        return [sys.executable, "-c", "import sys; sys.exit('Traceback (...)\\nOSError: no more ports')"]

    monkeypatch.setattr(server, "own_command", failing)
    with pytest.raises(FauxfaceError) as refused:
        server._start(psutil.Process(), tmp_path / "note.json")
    first, second = str(refused.value).splitlines()
    assert first == "The local Prefect server did not start (OSError: no more ports)."
    assert str(tmp_path / "note.log") in second
