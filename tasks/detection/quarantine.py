"""Pictures that crash or hang a decoder in native code: found after the process died, tried apart, and then left out.

Nothing in a process survives a crash of native code, so each process notes what its threads have in hand in a file that
it has mapped into its memory (its flight), which the kernel keeps whatever happens. Where Python's fault handler left a
trace beside a flight whose process is gone, the pictures of that flight are suspects: whoever meets one later takes it
through the pass in a child process first (tasks/detection/trial.py). One that ends the child is remembered by its
SHA-256 and never decoded again by the same releases of the decoders; the others are cleared.

The notes lie in a folder of the user, outside of any workspace: what crashes a decoder is a fact of this machine.
"""

from __future__ import annotations

import atexit
import faulthandler
import fcntl
import json
import mmap
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from tasks.detection.trial import culprits
from tasks.params import CropParams
from tasks.params.files import write_json

# A batch's pictures go through in seconds; a decoder that has finished none for so long has hung.
HANG_SECONDS = 120.0
BEAT_SECONDS = 1.0  # how often the watchdog is told that there is progress
SLOTS = 1024  # batches in hand at once
SLOT_IDS = 64  # pictures of a batch
_ID_BYTES = 32
_SLOT_BYTES = SLOT_IDS * _ID_BYTES
_opening = threading.Lock()


class Flight:
    """What this process has in hand, and a watchdog that ends it when none of it is finished for HANG_SECONDS."""

    def __init__(self, folder: Path) -> None:
        """Open a flight of this process in `folder`; raises OSError where that cannot be written."""
        stem = folder / f"flight-{os.getpid()}"
        self.ids, self.trace = stem.with_suffix(".ids"), stem.with_suffix(".trace")
        handle = os.open(self.ids, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held as long as the process lives
        os.ftruncate(handle, SLOTS * _SLOT_BYTES)
        self._map = mmap.mmap(handle, SLOTS * _SLOT_BYTES)
        self._trace = os.open(self.trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        faulthandler.enable(self._trace)
        self._free = list(range(SLOTS))
        self._turn = threading.Lock()
        self._beaten = 0.0
        atexit.register(self.land)

    @contextmanager
    def carrying(self, ids: Sequence[str]) -> Iterator[Callable[[], None]]:
        """Note pictures by their SHA-256 while they are worked on; yields what to call after each step of the work."""
        slot = self._take_off()
        if slot is None:  # more batches than anybody has threads: these go without a note
            yield lambda: None
            return
        content = bytes.fromhex("".join(ids[:SLOT_IDS]))
        start = slot * _SLOT_BYTES
        self._map[start : start + len(content)] = content
        self.beat()
        try:
            yield self.beat
        finally:
            self._map[start : start + len(content)] = bytes(len(content))
            self._touch_down(slot)

    def _take_off(self) -> int | None:
        with self._turn:
            return self._free.pop() if self._free else None

    def _touch_down(self, slot: int) -> None:
        """Give a slot back; who is the last sends the watchdog to sleep."""
        with self._turn:
            self._free.append(slot)
            if len(self._free) == SLOTS:
                faulthandler.cancel_dump_traceback_later()
                self._beaten = 0.0

    def beat(self) -> None:
        """Tell the watchdog that there is progress. It is C's, which a decoder that holds Python's lock cannot stop."""
        now = time.monotonic()
        if now - self._beaten > min(BEAT_SECONDS, HANG_SECONDS / 4):
            self._beaten = now
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True, file=self._trace)

    def land(self) -> None:
        """Remove the notes of a process that ends by itself."""
        faulthandler.cancel_dump_traceback_later()
        self.trace.unlink(missing_ok=True)
        self.ids.unlink(missing_ok=True)


class Quarantine:
    """The suspects and the culprits in `folder`, as empty and as JSON files named after their SHA-256."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made; raises OSError where that is not possible."""
        self.suspects, self.crashed = folder / "suspects", folder / "crashed"
        for each in (self.suspects, self.crashed):
            each.mkdir(parents=True, exist_ok=True)
        self._adopt(folder)
        self.flight = Flight(folder)

    def refused(self, pictures: Sequence[tuple[str, bytes]], crop: CropParams) -> dict[str, str]:
        """Return what pictures, given as (SHA-256, bytes), did to a decoder, by their SHA-256; most did nothing.

        Suspects among them are tried first, which takes a child process a second or two.
        """
        noted = {path.name for folder in (self.suspects, self.crashed) for path in folder.iterdir()}
        pictures = [picture for picture in pictures if picture[0] in noted]
        reasons = {image_id: self._known(image_id) for image_id, _ in pictures}
        suspects = [(image_id, data) for image_id, data in pictures if reasons[image_id] is None]
        found = culprits([data for _, data in suspects], crop, HANG_SECONDS)
        for place, (image_id, _) in enumerate(suspects):
            reasons[image_id] = self._judge(image_id, found.get(place))
        return {image_id: reason for image_id, reason in reasons.items() if reason}

    def _known(self, image_id: str) -> str | None:
        """Return what a picture did to these releases of the decoders; None where it is to be tried."""
        try:
            noted = json.loads((self.crashed / image_id).read_text(encoding="utf-8"))
            return str(noted["reason"]) if noted["decoders"] == decoders() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _judge(self, image_id: str, reason: str | None) -> str | None:
        if reason is None:
            (self.crashed / image_id).unlink(missing_ok=True)
        else:
            write_json(self.crashed / image_id, {"reason": reason, "decoders": decoders()})
        (self.suspects / image_id).unlink(missing_ok=True)
        return reason

    def _adopt(self, folder: Path) -> None:
        """Take what dead processes had in hand when they crashed as suspects; forget those that were just killed."""
        for ids in sorted(folder.glob("flight-*.ids")):
            trace = ids.with_suffix(".trace")
            content = _of_the_dead(ids)
            if content is None:
                continue
            if trace.is_file() and trace.stat().st_size:
                for image_id in _listed(content):
                    (self.suspects / image_id).touch()
            trace.unlink(missing_ok=True)
            ids.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def decoders() -> dict[str, str]:
    """Return the releases of what decodes and looks at pictures."""
    return {name: version(name) for name in ("opencv-python-headless", "pillow", "openvino", "fauxface")}


def quarantine() -> Quarantine | None:
    """Return this process's quarantine; None where this user has no folder for it, and nothing is noted then."""
    with _opening:
        return _quarantine(os.getpid(), notes_folder())


@lru_cache(maxsize=1)
def _quarantine(process: int, folder: Path) -> Quarantine | None:
    del process  # a forked child needs a flight of its own
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid() or folder.parent.stat().st_uid != os.getuid():
            return None
        return Quarantine(folder)
    except OSError:
        return None


def notes_folder() -> Path:
    """Return the folder of this user's notes; nobody else may write there, for a note makes a picture invisible."""
    return Path(tempfile.gettempdir()) / f"fauxface-{os.getuid()}" / "quarantine"


def known_culprits() -> int:
    """Return how many pictures are known to crash a decoder."""
    folder = notes_folder() / "crashed"
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0


def crashed_in_flight(process: int) -> bool:
    """Tell whether a process that is gone crashed, or was ended by its watchdog, with pictures in hand."""
    trace = notes_folder() / f"flight-{process}.trace"
    return trace.is_file() and trace.stat().st_size > 0


def _of_the_dead(ids: Path) -> bytes | None:
    """Return the content of a flight, or None while its process lives or where somebody else has just taken it."""
    try:
        with ids.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return stream.read()
    except OSError:
        return None


def _listed(content: bytes) -> list[str]:
    pieces = (content[start : start + _ID_BYTES] for start in range(0, len(content), _ID_BYTES))
    return [piece.hex() for piece in pieces if any(piece)]
