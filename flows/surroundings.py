"""What surrounds a command: a quiet Prefect, loopback without a proxy, a folder for notes that end with a process."""

from __future__ import annotations

import importlib.util
import ipaddress
import logging
import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tasks.params import FauxfaceError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SAFE_PATH = "PYTHONSAFEPATH"  # set, a Python does not look for modules in its working directory


def set_surroundings() -> None:
    """Switch off what phones home, Prefect's own lines on the terminal and proxies to this machine.

    A user's settings win, but for a proxy that stands between us and our own server: no proxy could reach that.
    """
    for name, value in {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        # On the terminal our own commands speak; the server keeps every line for its UI.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_CLI_PROMPT": "false",
    }.items():
        os.environ.setdefault(name, value)
    logging.raiseExceptions = False  # else Prefect prints a traceback where its server takes no line of the log
    _keep_loopback_direct()
    _drop_unusable_proxies()


def host_of(url: str) -> str | None:
    """Return the host that a URL names, None where it names none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def is_loopback(host: str | None) -> bool:
    """Tell whether a host's name or address is this machine's own."""
    try:
        return host in LOOPBACK or (host is not None and ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def private_folder() -> Path:
    """Return this user's folder for short-lived files, outside any workspace; raises FauxfaceError."""
    try:
        folder = Path(tempfile.gettempdir()) / f"fauxface-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise FauxfaceError(
            f"No folder for temporary files can be made ({error.strerror}). Set TMPDIR to one that you may write to."
        ) from error
    if folder.stat().st_uid != os.getuid():
        raise FauxfaceError(f"{folder}: belongs to another user. Remove it, or set TMPDIR to a folder of your own.")
    return folder


def _keep_loopback_direct() -> None:
    """Name this machine among the hosts that need no proxy, here and for every process that is started from here."""
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in named.split(",") if host.strip()]
    if "*" in hosts:
        return
    server = host_of(os.environ.get("PREFECT_API_URL", ""))
    ours = [*LOOPBACK, *([server] if server and is_loopback(server) else [])]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(dict.fromkeys([*hosts, *ours]))


def _drop_unusable_proxies() -> None:
    """Forget SOCKS proxies where Prefect's client does not know them: it would fail before it asks a server at all."""
    if importlib.util.find_spec("socksio") is None:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            if os.environ[name].lower().startswith("socks"):
                del os.environ[name]
