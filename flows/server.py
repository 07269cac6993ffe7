"""One Prefect server for a whole `dvc repro`, gone when it ends.

Prefect without a server starts a temporary one in every process, 9 to 16 s each. Here the first stage starts one on
loopback for the process that owns the run (the `dvc` above the stage, else the command itself); later stages of the
same owner find it by a small file, and a watcher ends it when the owner is gone, however that ended.
Where PREFECT_API_URL or a Prefect profile names a server, that one is used and nothing is started.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from tasks.params import FauxfaceError
from tasks.params.files import write_json

START_TIMEOUT = 120.0  # seconds; a first start creates Prefect's database
POLL = 0.2  # seconds


def ensure_server() -> None:
    """Set PREFECT_API_URL to a server that answers, starting one if none is configured.

    Must run before Prefect is imported, since Prefect reads its settings at import.
    """
    set_quiet_defaults()
    if os.environ.get("PREFECT_API_URL") or _profile_names_a_server():
        return
    owner = owner_process()
    note = _note_path(owner)
    url = _noted_url(note)
    if url is None:
        url = _start(owner, note)
    os.environ["PREFECT_API_URL"] = url


def owner_process() -> psutil.Process:
    """Return the process whose end ends the server: the nearest `dvc` above this one, else this one."""
    me = psutil.Process()
    for parent in me.parents():
        try:
            words = parent.cmdline()[:3]
        except psutil.Error:
            break
        if any(Path(word).name in {"dvc", "dvc.exe"} for word in words):
            return parent
    return me


def set_quiet_defaults() -> None:
    """Switch off what phones home and Prefect's own lines on the terminal; a user's settings win."""
    for name, value in {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        # On the terminal our own commands speak; the server keeps every line for its UI.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_CLI_PROMPT": "false",
    }.items():
        os.environ.setdefault(name, value)


def _profile_names_a_server() -> bool:
    """Look for an API address in Prefect's profiles file, without the second that importing Prefect costs."""
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    return path.is_file() and "PREFECT_API_URL" in path.read_text(encoding="utf-8", errors="replace")


def _note_path(owner: psutil.Process) -> Path:
    """Name the note by the owner's id and start time, since process ids are used again."""
    folder = Path(tempfile.gettempdir()) / f"fauxface-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise FauxfaceError(f"{folder}: belongs to another user. Remove it, or set TMPDIR to a folder of your own.")
    return folder / f"prefect-{owner.pid}-{int(owner.create_time())}.json"


def _noted_url(note: Path) -> str | None:
    try:
        url = str(json.loads(note.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return None
    return url if _answers(url) else None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


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
            [sys.executable, "-m", "flows.server", str(owner.pid), str(port), str(note)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_TIMEOUT
    while not _answers(url):
        if watcher.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise FauxfaceError(f"The local Prefect server did not start (log: {log}).\n{tail}")
        time.sleep(POLL)
    write_json(note, {"url": url, "owner": owner.pid})
    return url


def watch(owner_pid: int, port: int, note: Path) -> None:
    """Run the server on loopback until the owner is gone, then end it and remove the note."""
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-services",
    ]
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
