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
from contextlib import suppress

from tasks.detection.quarantine import crashed_in_flight, known_culprits

HANDED_ON = (signal.SIGINT, signal.SIGTERM)
FRUITLESS = 3  # crashes in a row after which no new culprit was found


def supervise() -> None:
    """Return in a child process; the calling process waits for it, starts it again after a crash, and ends like it."""
    known, fruitless = known_culprits(), 0
    while True:
        alive, held = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(held)
            threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
            return
        os.close(alive)
        status = _wait(child)
        os.close(held)
        found = known_culprits()
        fruitless = 1 if found > known else fruitless + 1
        known = found
        if status == 0 or not crashed_in_flight(child) or fruitless > FRUITLESS:
            sys.exit(_exit_status(status))
        _say("the process crashed on a picture; starting again, the pictures in hand are tried apart first.")


def _end_with_parent(alive: int) -> None:
    os.read(alive, 1)  # returns when nobody holds the other end any more, after SIGKILL too
    os.kill(os.getpid(), signal.SIGKILL)


def _wait(child: int) -> int:
    """Wait for the child, handing on what would stop this process; returns its status as `os.waitpid` does."""

    def hand_on(number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    before = {number: signal.signal(number, hand_on) for number in HANDED_ON}
    try:
        return os.waitpid(child, 0)[1]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _say(f"the process was ended by {signal.Signals(-code).name}.")
    return code if code >= 0 else 128 - code


def _say(message: str) -> None:
    print(f"fauxface: {message}", file=sys.stderr, flush=True)  # noqa: T201
