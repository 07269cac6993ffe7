"""One writer at a time in a workspace: a lock that the kernel lets go of when its owner dies, and a note that names it.

Whatever writes below data/ and reports/ takes it: every stage command, every scheduled run. Commands of one family
share it: a stage that runs inside `dvc repro`, or inside a scheduled retraining, works under its parent's lock. The
note of a `dvc repro` counts until that process ends, so nobody slips in between two of its stages. DVC itself is told
through its own lock file, since it removes a stage's outputs before the stage could be refused.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import re
import shlex
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from flows.server import owner_process
from flows.workspace import DATA, RAW, REPORTS, SCORES, STATE, make_state_folder
from tasks.params import FauxfaceError
from tasks.params.files import remove_stale, write_json

LOCK = STATE / "workspace.lock"  # its bytes mean nothing: it is there to be locked
LARGE = (RAW, SCORES)  # not searched for what a killed writer left: dumps are not ours, and scoring looks after its own
POLL = 1.0  # seconds between two tries of one who waits
_SAME_START = 2.0  # seconds by which two readings of one process's start may differ


class BusyError(FauxfaceError):
    """Somebody else writes in this workspace; the message names them."""


@dataclass(frozen=True)
class Owner:
    """The process that writes; `created`, its start in seconds, tells it from a later one with the same id."""

    command: str
    user: str
    host: str
    pid: int
    created: float
    since: str

    def __str__(self) -> str:
        """Say who it is in one line."""
        return f"`{self.command}` by {self.user} on {self.host}, pid {self.pid}, since {self.since}"

    @property
    def is_here(self) -> bool:
        """Whether the process is one of this machine's; about others only the kernel's lock tells."""
        return self.host == socket.gethostname()

    def is_family(self) -> bool:
        """Tell whether this is the calling process or one above it."""
        me = psutil.Process()
        return self.is_here and any(self._is(process) for process in (me, *me.parents()))

    def is_alive(self) -> bool:
        """Tell whether the process is known to run."""
        try:
            process = psutil.Process(self.pid)
            return self.is_here and self._is(process) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def _is(self, process: psutil.Process) -> bool:
        return bool(process.pid == self.pid and abs(process.create_time() - self.created) < _SAME_START)


@contextmanager
def workspace_lock(
    command: str = "", *, patience: float = 0.0, waiting: Callable[[str], None] | None = None, dvc: bool = True
) -> Iterator[int]:
    """Hold the working directory's lock; yields its file descriptor, for a child that is to hold it as well.

    Args:
        command: what the owner is called, where its command line says too little.
        patience: seconds to wait for another owner before giving up.
        waiting: told once who is waited for.
        dvc: keep DVC's commands out too; false for an owner that runs `dvc` itself.

    Raises:
        BusyError: another owner holds the lock, or DVC is at work, and the patience is over.
    """
    owner = owner_of(owner_process(), command)
    with _opened(LOCK) as handle:
        _acquire(handle, owner, patience, waiting or (lambda _: None))
        for folder in (DATA, REPORTS):
            remove_stale(folder, LARGE)
        try:
            with _dvc_told(owner, wanted=dvc and _noted(LOCK) == owner and owner.pid == os.getpid()):
                yield handle
        finally:
            release(LOCK)


@contextmanager
def only_one(lock: Path, command: str) -> Iterator[None]:
    """Hold the lock file `lock` against all other processes, relatives too; raises BusyError naming the owner."""
    with _opened(lock) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(_refusal(_noted(lock), "is served already by")) from None
        write_json(_note(lock), asdict(owner_of(psutil.Process(), command)))
        try:
            yield
        finally:
            release(lock)


def holder() -> Owner | None:
    """Return who holds the workspace's lock now, as far as it is known."""
    noted = _noted(LOCK)
    return noted if noted is not None and noted.is_alive() else None


def owner_of(process: psutil.Process, command: str = "") -> Owner:
    """Describe a process."""
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    name = command or _command_of(process)
    return Owner(name, _user_of(process), socket.gethostname(), process.pid, process.create_time(), since)


def release(lock: Path) -> None:
    """Remove this process's own note; the kernel's lock goes with the file's descriptor."""
    noted = _noted(lock)
    if noted is not None and noted.pid == os.getpid():
        _note(lock).unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        make_state_folder(path.parent)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise FauxfaceError(f"{path.absolute()}: cannot be opened ({error.strerror}); check its owner.") from None
    try:
        yield handle
    finally:
        os.close(handle)


def _acquire(handle: int, owner: Owner, patience: float, waiting: Callable[[str], None]) -> None:
    deadline, said = time.monotonic() + patience, ""
    while (refusal := _try(handle, owner)) is not None:
        if time.monotonic() >= deadline:
            raise BusyError(refusal)
        if refusal != said:
            waiting(refusal)
            said = refusal
        time.sleep(POLL)


def _try(handle: int, owner: Owner) -> str | None:
    """Take the lock and return None, or return why not."""
    noted = _noted(LOCK)
    if noted is None or not noted.is_family():
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _refusal(noted)
        noted = _noted(LOCK)  # again: until now it could change
        if noted is not None and noted.is_alive():
            fcntl.flock(handle, fcntl.LOCK_UN)
            return _refusal(noted)
        write_json(_note(LOCK), asdict(owner))
    # Shared, so that the family can join. Whoever gets in for an instant meanwhile reads the note and leaves.
    fcntl.flock(handle, fcntl.LOCK_SH)
    return None


def _note(lock: Path) -> Path:
    return lock.with_suffix(".json")


def _noted(lock: Path) -> Owner | None:
    try:
        return Owner(**json.loads(_note(lock).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _refusal(noted: Owner | None, what: str = "is being written by") -> str:
    who = str(noted) if noted is not None else "another command that has not said its name yet"
    orphan = noted is not None and noted.is_here and not noted.is_alive()
    ended = " (it has ended, but something that it started goes on)" if orphan else ""
    return f"{Path.cwd()}: {what} {who}{ended}. Wait for its end, or stop it, then try again."


@contextmanager
def _dvc_told(owner: Owner, *, wanted: bool) -> Iterator[None]:
    """Hold data/ and reports/ in DVC's own lock file, so that `dvc repro` is refused before it removes anything."""
    root = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".dvc").is_dir()), None)
    if root is None or not wanted:
        yield
        return
    module: Any = importlib.import_module("dvc.rwlock")  # takes half a second, which few commands need
    temp = root / ".dvc" / "tmp"
    temp.mkdir(exist_ok=True)
    paths = [str(folder.absolute()) for folder in (DATA, REPORTS)]
    held = module.rwlock(str(temp), module.localfs, str(owner), [], paths, False)
    try:
        held.__enter__()
    except module.DvcException as error:
        raise BusyError(_dvc_refusal(str(error))) from None
    try:
        yield
    finally:
        with suppress(AssertionError, module.DvcException):  # somebody has removed the file, as DVC's messages advise
            held.__exit__(None, None, None)


def _dvc_refusal(message: str) -> str:
    blocker = re.search(r"\(PID (\d+)\)", message)
    if blocker is None:
        return f"DVC's lock cannot be taken: {message}"
    try:
        return _refusal(owner_of(psutil.Process(int(blocker[1]))))
    except psutil.Error:
        return _refusal(None)


def _command_of(process: psutil.Process) -> str:
    """Return the command line as it was typed: without interpreter, the program without its folder."""
    words = process.cmdline() or [process.name()]
    if len(words) > 1 and Path(words[0]).name.startswith("python") and not words[1].startswith("-"):
        words = words[1:]
    text = shlex.join([Path(words[0]).name, *words[1:]])
    return text if len(text) <= 200 else f"{text[:197]}..."


def _user_of(process: psutil.Process) -> str:
    try:
        return str(process.username())
    except (KeyError, psutil.Error):  # an id without a name, as in some containers
        return str(os.getuid())
