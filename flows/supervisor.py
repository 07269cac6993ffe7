"""A command that decodes, run in a child process: when native code crashes or hangs there, the command starts again.

What the child had in hand then is tried apart by the next one (tasks/detection/quarantine.py), so a picture that no
decoder survives costs its own row and not the run. The child is forked before anything heavy is imported, which costs
milliseconds; it ends when its parent does, however that ends. Locks and the Prefect server are the parent's.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from tasks.detection.quarantine import crashed_in_flight, known_culprits

HANDED_ON = (signal.SIGINT, signal.SIGTERM)
FRUITLESS = 3  # crashes in a row after which no new culprit was found


_is_command = threading.Event()


def allow_supervision() -> None:
    """Let `supervise` fork: this process is a command of its own, whose threads and state nobody else needs."""
    _is_command.set()


def supervise(*, repeats: bool = False) -> None:
    """Return in a child process; the calling process waits for it, starts it again after a crash, and ends like it.

    `repeats`: a child that is started again says everything again; what was said before is left out.
    Without `allow_supervision` it returns at once: a program that calls a command as a function must not be forked,
    since locks that its other threads hold would never be released in the child.
    """
    if not _is_command.is_set():
        return
    streams = [_Stream(1), _Stream(2)] if repeats else []
    known, fruitless = known_culprits(), 0
    while True:
        alive, held = os.pipe()
        for stream in streams:
            stream.open()
        child = os.fork()
        if child == 0:
            os.close(held)
            for stream in streams:
                stream.take()
            threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
            return
        os.close(alive)
        status = _wait(child, streams)
        os.close(held)
        found = known_culprits()
        fruitless = 1 if found > known else fruitless + 1
        known = found
        if status == 0 or not crashed_in_flight(child) or fruitless > FRUITLESS:
            sys.exit(_exit_status(status))
        _say("the process crashed on a picture; starting again, the pictures in hand are tried apart first.")


class _Stream:
    """What a child says on one of its streams, handed on once."""

    def __init__(self, number: int) -> None:
        """Stand for the stream with this descriptor."""
        self.number, self.said = number, 0

    def open(self) -> None:
        """Make a pipe for the next child."""
        self._read, self._write = os.pipe()

    def take(self) -> None:
        """In the child: speak into the pipe."""
        os.dup2(self._write, self.number)
        os.close(self._read)
        os.close(self._write)

    def hand_on(self) -> threading.Thread:
        """In the parent: begin to hand on; the thread returned ends when the child does."""
        os.close(self._write)
        thread = threading.Thread(target=self._pump)
        thread.start()
        return thread

    def _pump(self) -> None:
        heard = 0
        try:
            while piece := os.read(self._read, 1 << 16):
                fresh = piece[max(0, self.said - heard) :]
                heard += len(piece)
                os.write(self.number, fresh)
        except BrokenPipeError:
            pass  # nobody listens any more; the child finds out by itself
        finally:
            os.close(self._read)
            self.said = max(self.said, heard)


def _end_with_parent(alive: int) -> None:
    os.read(alive, 1)  # returns when nobody holds the other end any more, after SIGKILL too
    os.kill(os.getpid(), signal.SIGKILL)


def _wait(child: int, streams: Sequence[_Stream]) -> int:
    """Wait for the child, handing on what it says and what would stop it; returns its status as `os.waitpid` does."""

    def hand_on(number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    before = {number: signal.signal(number, hand_on) for number in HANDED_ON}
    pumps = [stream.hand_on() for stream in streams]
    try:
        return os.waitpid(child, 0)[1]
    finally:
        for pump in pumps:
            pump.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _say(f"the process was ended by {signal.Signals(-code).name}.")
    return code if code >= 0 else 128 - code


def _say(message: str) -> None:
    print(f"fauxface: {message}", file=sys.stderr, flush=True)  # noqa: T201
