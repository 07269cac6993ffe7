"""One Prefect server for a whole `dvc repro`, gone when it ends.

Prefect without a server starts a temporary one in every process, 9 to 16 s each. Here the first stage starts one on
loopback for the process that owns the run (the `dvc` above the stage, else the command itself); later stages of the
same owner find it by a small file, and a watcher ends it when the owner is gone, however that ended.
Where PREFECT_API_URL or a Prefect profile names a server, that one is used and nothing is started.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from flows.surroundings import is_loopback, private_folder, set_surroundings
from tasks.own_process import own_command, python_command
from tasks.params import FauxfaceError
from tasks.params.files import write_json

START_TIMEOUT = 120.0  # seconds; a first start creates Prefect's database
POLL = 0.2  # seconds
HEALTH_TIMEOUT = 20  # seconds; a server that is busy takes its time
_CONFIGURED = (
    "Start it (`make server`), or correct or unset PREFECT_API_URL: without it a server is started for the run."
)


def ensure_server() -> None:
    """Set PREFECT_API_URL to a server that answers, starting one if none is configured.

    Must run before Prefect is imported, since Prefect reads its settings at import. Raises FauxfaceError where the
    configured server does not answer, or none can be started.
    """
    set_surroundings()
    configured = configured_url()
    if configured:
        reason = why_not(configured)
        if reason:
            raise FauxfaceError(f"The Prefect server at {configured} does not answer ({reason}).\n{_CONFIGURED}")
        return
    owner = owner_process()
    note = private_folder() / f"prefect-{owner.pid}-{int(owner.create_time())}.json"  # process ids are used again
    url = _noted_url(note)
    if url is None:
        _check_home()
        url = _start(owner, note)
    os.environ["PREFECT_API_URL"] = url


def configured_url() -> str | None:
    """Return the API's address that the environment or Prefect's active profile names, without importing Prefect."""
    named = os.environ.get("PREFECT_API_URL")
    if named:
        return named
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or _prefect_home() / "profiles.toml")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        active = os.environ.get("PREFECT_PROFILE") or content.get("active", "")
        return str(content["profiles"][active]["PREFECT_API_URL"]) or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def why_not(url: str) -> str | None:
    """Return why the Prefect API at `url` cannot be used, or None. Who asks for a password answers, too."""
    if str(urlsplit(url).hostname).endswith("prefect.cloud"):
        return None  # it has other addresses for that
    try:
        with _opener(url).open(f"{url.rstrip('/')}/health", timeout=HEALTH_TIMEOUT) as answer:
            healthy = answer.read(100).strip() == b"true"
    except urllib.error.HTTPError as error:
        error.close()
        return None if error.code in {401, 403} else f"it answers with status {error.code}; the address ends in /api"
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return None if isinstance(reason, ssl.SSLError) else str(reason)
    return None if healthy else "what answers there is no Prefect API; its address ends in /api"


def owner_process() -> psutil.Process:
    """Return the process whose end ends the server: the nearest `dvc` above this one, else this one."""
    me = psutil.Process()
    for parent in me.parents():
        try:
            words = parent.cmdline()[:4]
        except psutil.Error:
            break
        if any(Path(word).name in {"dvc", "dvc.exe"} for word in words):
            return parent
    return me


def _prefect_home() -> Path:
    return Path(os.environ.get("PREFECT_HOME") or os.path.expanduser("~/.prefect"))  # noqa: PTH111 - never raises


def _check_home() -> None:
    """Raise FauxfaceError where Prefect could not keep its database."""
    home = _prefect_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"0" * 4096)
    except OSError as error:
        raise FauxfaceError(
            f"{home}: Prefect cannot keep its database there ({error.strerror}).\n"
            "Make room in it or let yourself write there, or set PREFECT_HOME to another folder."
        ) from error


def _noted_url(note: Path) -> str | None:
    try:
        url = str(json.loads(note.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return None
    return url if why_not(url) is None else None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Return what asks a server: one on this machine directly, whatever the environment says of proxies."""
    direct = [urllib.request.ProxyHandler({})] if is_loopback(urlsplit(url).hostname) else []
    return urllib.request.build_opener(*direct)


def _start(owner: psutil.Process, note: Path) -> str:
    """Start the watcher, which starts the server, and wait until that answers; returns the API's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    log = note.with_suffix(".log")
    print("Starting a Prefect server for this run ...", file=sys.stderr, flush=True)  # noqa: T201
    with log.open("wb") as out:
        watcher = subprocess.Popen(
            own_command("flows.server", str(owner.pid), str(port), str(note)),
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_TIMEOUT
    while (reason := why_not(url)) is not None:
        if watcher.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise FauxfaceError(
                f"The local Prefect server did not start ({said[-1].strip() if said else reason}).\n"
                f"Its log is {log}. Mend that, or set PREFECT_API_URL to a server that runs (`make server`)."
            )
        time.sleep(POLL)
    write_json(note, {"url": url, "owner": owner.pid})
    return url


def watch(owner_pid: int, port: int, note: Path) -> None:
    """Run the server on loopback until the owner is gone, then end it and remove the note."""
    address = ("--host", "127.0.0.1", "--port", str(port))
    command = python_command("prefect", "server", "start", *address, "--no-services")
    environment = {**os.environ, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_LOGGING_SERVER_LEVEL": "ERROR"}
    server = subprocess.Popen(command, env=environment)
    try:
        owner = psutil.Process(owner_pid)
        while server.poll() is None and owner.is_running() and owner.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL)
    except psutil.NoSuchProcess:
        pass
    finally:
        note.unlink(missing_ok=True)
        _end(server)
    if server.returncode in {0, -signal.SIGTERM, -signal.SIGINT}:
        note.with_suffix(".log").unlink(missing_ok=True)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    watch(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
