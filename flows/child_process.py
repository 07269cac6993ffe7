"""Run a command that ends with whoever started it, however that one ends: as a program, with FD WORD ...

The guard's standard input is a pipe from its parent, which closes when the parent is gone, SIGKILL included. FD is the
workspace's lock, which the command holds as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

STOP_GRACE = 10.0  # seconds


def main() -> int:
    """Run the command in a process group of its own; returns its exit status."""
    lock, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[int(lock)], process_group=0)
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    return child.wait()


def _end_with_parent(child: subprocess.Popen[bytes]) -> None:
    # Returns when nobody holds the other end any more. Not sys.stdin, whose lock, held by a thread that waits, makes an
    # interpreter abort that ends meanwhile.
    os.read(0, 1)
    try:
        os.killpg(child.pid, signal.SIGINT)  # as Ctrl-C: DVC waits for its stage and leaves no lock behind
        child.wait(STOP_GRACE)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
