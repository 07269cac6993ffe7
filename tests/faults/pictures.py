"""Small pictures of every format that is read, and JPEGs on which a decoder of the tests' own fails in native code."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")
CRASH, ABORT, HANG, NO_MEMORY = b"CRASH!", b"ABORT!", b"HANG!!", b"MEMORY"

# Python runs a module of the name `sitecustomize` first, in every process: so the children of a command have the fault
# too. The hang holds Python's lock, as a decoder without manners does.
_BROKEN_DECODER = """
import ctypes, os, sys
command = " ".join(sys.orig_argv)
if "prefect" not in command and os.environ.get("TEST_SOUND", "prefect") not in command:
    import cv2
    real = cv2.imdecode
    def imdecode(data, flags):
        content = bytes(data)
        if b"CRASH!" in content:
            ctypes.string_at(0)
        if b"ABORT!" in content:
            os.abort()
        if b"HANG!!" in content:
            ctypes.PyDLL(None).sleep(600)
        return real(data, flags)
    cv2.imdecode = imdecode
    from tasks.detection import quarantine
    quarantine.HANG_SECONDS = float(os.environ["TEST_HANG_SECONDS"])
"""


def picture(number: int, format_: str = "JPEG", side: int = 48) -> bytes:
    """Return a file of coloured noise, another one for every number."""
    rng = np.random.default_rng(number)
    pixels = np.kron(rng.integers(0, 256, (side // 8, side // 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format_)
    return out.getvalue()


def marked(number: int, mark: bytes) -> bytes:
    """Return a JPEG with `mark` in a comment."""
    plain = picture(number)
    return plain[:2] + b"\xff\xfe" + (len(mark) + 2).to_bytes(2, "big") + mark + plain[2:]


def broken_decoder(folder: Path, hang_seconds: float = 60.0) -> dict[str, str]:
    """Return what the environment of a command needs to meet a decoder that fails on marked pictures.

    What it learns of them stays in `folder`.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_BROKEN_DECODER)
    return {"PYTHONPATH": str(folder), "TMPDIR": str(folder), "TEST_HANG_SECONDS": str(hang_seconds)}


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    """Write a zip."""
    with zipfile.ZipFile(path, "w") as out:
        for name, data in members.items():
            out.writestr(name, data)
    return path
