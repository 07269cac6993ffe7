"""Pictures taken through the one pass in a child process, to see which of them it does not survive.

`python -m tasks.detection.trial` reads a line of JSON (crop settings, seconds for one picture, sizes) and then the
pictures from its standard input, and writes a byte for each that it has finished.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from math import ceil

from tasks.own_process import own_command
from tasks.params import CropParams


def culprits(pictures: Sequence[bytes], crop: CropParams, seconds: float) -> dict[int, str]:
    """Return what ended the child that looked at a picture, by the picture's place in `pictures`.

    A picture may take `seconds`. After each death a new child goes on behind the picture that was its end.
    """
    found: dict[int, str] = {}
    start = 0
    while start < len(pictures):
        finished, reason = _try(pictures[start:], crop, seconds)
        start += finished
        if reason is not None and start < len(pictures):
            found[start] = reason
        start += 1
    return found


def _try(pictures: Sequence[bytes], crop: CropParams, seconds: float) -> tuple[int, str | None]:
    """Return how many pictures a child finished, and what ended it before the last of them."""
    task = {"crop": crop.model_dump(mode="json"), "seconds": seconds, "sizes": [len(each) for each in pictures]}
    done = subprocess.run(
        own_command("tasks.detection.trial"),
        input=b"".join([json.dumps(task).encode(), b"\n", *pictures]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if len(done.stdout) >= len(pictures) or done.returncode >= 0:
        return len(pictures), None
    if done.returncode == -signal.SIGALRM:
        return len(done.stdout), f"hung for {seconds:.0f} s"
    return len(done.stdout), f"crashed with {signal.Signals(-done.returncode).name}"


def main() -> None:
    """Take the pictures through the pass, each alone; an alarm, which needs nothing of Python, ends one that hangs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    task = json.loads(sys.stdin.buffer.readline())
    pictures = [sys.stdin.buffer.read(size) for size in task["sizes"]]
    onepass = import_module("tasks.detection.onepass")  # which imports the quarantine, which imports this module
    crop = CropParams.model_validate(task["crop"])
    detector = onepass.shared_detector(crop)
    for data in pictures:
        signal.alarm(ceil(task["seconds"]))
        onepass.look_alone(data, crop, detector)
        signal.alarm(0)
        os.write(1, b".")


if __name__ == "__main__":
    main()
