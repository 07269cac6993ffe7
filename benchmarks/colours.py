"""What colour profiles cost: the same JPEG files decoded without one, with sRGB's and with Display P3, in turns.

    python -m benchmarks.colours SOURCE [--limit N]

A file without a profile, or with sRGB's, has nothing done to its pixels; that of a phone is converted. All are decoded
as the one pass decodes them, as many times smaller as the smallest face allows, in one thread.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Callable, Sequence

from PIL import ImageCms

from benchmarks.detect import IMAGES, TURNS, Timer
from benchmarks.stock import RESAMPLED
from tasks.detection.detector import FaceDetector
from tasks.detection.onepass import shared_detector
from tasks.imaging.decode import decode
from tasks.imaging.jpeg import MAGIC
from tasks.imaging.profiles import of_code_points
from tasks.sources import open_source

DISPLAY_P3 = (12, 13)  # code points of primaries and transfer


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("source", help="folder or archive with JPEG files that have no profile")
    parser.add_argument("--limit", type=int, help="only the first N files")
    arguments = parser.parse_args()
    members = (member for member in open_source(arguments.source).members() if member.path.lower().endswith(IMAGES))
    files = [member.data for member in members if member.data and member.data.startswith(MAGIC)][: arguments.limit]
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profiles = {"no profile": b"", "sRGB": srgb, "Display P3": of_code_points(*DISPLAY_P3)}
    kinds = {name: [with_profile(file, profile) for file in files] for name, profile in profiles.items()}
    detector = shared_detector(RESAMPLED)
    timers = {name: Timer() for name in kinds}
    for _ in range(TURNS + 1):
        for name, contents in kinds.items():
            timed(timers[name], contents, detector)
    print(f"{arguments.source}: {len(files)} files, decoded {TURNS + 1} times")
    plain = timers["no profile"].per(1)[1]
    for name, timer in timers.items():
        each = timer.per((TURNS + 1) * len(files))[1] * 1000
        print(f"{name:12s} {each:7.3f} ms of processor time a file   {timer.per(1)[1] / plain:5.3f}")


def timed(timer: Timer, files: Sequence[bytes], detector: FaceDetector) -> None:
    """Decode `files` while `timer` runs."""
    reduction: Callable[[int, int], int] = detector.reduction
    with timer:
        for file in files:
            decode(file, max_pixels=RESAMPLED.max_pixels, reduction_for=reduction)


def with_profile(jpeg: bytes, profile: bytes) -> bytes:
    """Return a JPEG file with a profile put before all else."""
    if not profile:
        return jpeg
    content = b"ICC_PROFILE\x00\x01\x01" + profile
    return jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


if __name__ == "__main__":
    main()
