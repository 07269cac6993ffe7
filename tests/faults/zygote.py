"""A process that has imported everything and forks a command whenever it is asked: `python -m tests.faults.zygote`.

Starting each of two hundred commands anew would spend the time on imports, where there is nothing to break. A line of
JSON on standard input is a command; a line of JSON on standard output says how it ended.

A command can be struck: something is done (a line of the shell, in which {group} is its process group) at the Nth time
that it opens, renames or removes something in its workspace. Between two of these nothing on the disk changes, so they
are all the moments that there are, and the same number is the same moment on every machine and at any load.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import itertools
import json
import mmap
import os
import resource
import struct
import sys
import time
import traceback
from pathlib import Path
from typing import Any

STAGES = ("crop", "split", "train", "evaluate", "score", "report")
TOUCHES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
_PR_SET_CHILD_SUBREAPER = 36


def serve() -> None:
    """Answer every line with the command's exit status and how often it touched its workspace."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what is left of a command becomes ours to reap
    importlib.import_module("flows.surroundings").set_surroundings()
    importlib.import_module("flows.cli")
    for stage in STAGES:
        importlib.import_module(f"flows.{stage}")
    for name in ("tasks.scoring.text", "tasks.scoring.classifier", "tasks.detection.onepass"):
        importlib.import_module(name)
    _say("ready")
    for line in sys.stdin:
        _say(json.dumps(_obey(json.loads(line))))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _obey(order: dict[str, Any]) -> dict[str, int]:
    touched = mmap.mmap(-1, 8)  # shared with all processes of the command
    child = os.fork()
    if child == 0:
        _become(order, touched)
    status = os.waitpid(child, 0)[1]
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-child, 0)
    return {"status": os.waitstatus_to_exitcode(status), "touched": struct.unpack("q", touched[:8])[0]}


def _become(order: dict[str, Any], touched: mmap.mmap) -> None:
    """Turn into the command; never returns."""
    code = 1
    try:
        os.setsid()
        os.chdir(order["folder"])
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"],) * 2)
        _let_the_clock_jump(order["clock"])
        _watch(order, touched)
        cli = importlib.import_module("flows.cli")
        sys.argv = ["fauxface", *order["words"]]
        cli.command()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        sys.stderr.write(f"{error.code or ''}\n")
    except BaseException:  # noqa: BLE001 - whatever it was, it belongs into the log
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code or 0)


def _let_the_clock_jump(seconds: int) -> None:
    """Set the clock forward and back by turns, at every look at it."""
    if seconds:
        real, signs = time.time, itertools.cycle((1, -1))
        time.time = lambda: real() + seconds * next(signs)


def _watch(order: dict[str, Any], touched: mmap.mmap) -> None:
    group, folder = os.getpid(), str(Path(order["folder"]))

    def touch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in TOUCHES and str(arguments[0]).startswith(("data/", "reports/", folder)):
            number = struct.unpack("q", touched[:8])[0] + 1
            touched[:8] = struct.pack("q", number)
            if number == order.get("at"):
                os.system(order["do"].format(group=group))

    sys.addaudithook(touch)


if __name__ == "__main__":
    serve()
