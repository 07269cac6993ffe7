"""Does an image cost the same, in time and memory, whether it is one of 1,000 or of 20,000?

    python -m benchmarks.counts SOURCE [--counts 1000 20000] [--min-face F]

Takes so many images, SOURCE's own in turn, through detect and crop, one count after the other in one process. The first
count is measured again at the end, so that a machine that slows down meanwhile is told from a cost that grows.
"""

from __future__ import annotations

import argparse
import os
from itertools import cycle, islice

import psutil

from benchmarks.detect import Timer
from benchmarks.sizes import readable
from benchmarks.stock import RESAMPLED
from tasks.detection.detector import FaceDetector
from tasks.detection.onepass import faces_of
from tasks.params import CropParams
from tasks.sources import Member


def main() -> None:
    """Parse the command line, measure each count, print a line for each."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("source", help="folder or archive of photographs; held in memory")
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 20_000])
    parser.add_argument("--min-face", type=float, default=RESAMPLED.min_face, help="pixels, or fraction below 1")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    params = RESAMPLED.model_copy(update={"min_face": arguments.min_face})
    detector = FaceDetector(params.min_face, params.thresholds)
    members = list(readable(arguments.source))
    print(f"{arguments.source}: {len(members)} images in turn, smallest face {params.min_face:g}")
    print(f"{'images':>8}{'ms an image':>13}{'processor ms':>14}{'memory, MiB':>13}")
    measure(members, len(members), params, detector, arguments.threads)
    for count in [*arguments.counts, arguments.counts[0]]:
        wall, processor = measure(members, count, params, detector, arguments.threads)
        memory = psutil.Process().memory_info().rss / 2**20
        print(f"{count:>8}{wall * 1000:>13.2f}{processor * 1000:>14.2f}{memory:>13.0f}", flush=True)


def measure(
    members: list[Member], count: int, params: CropParams, detector: FaceDetector, threads: int
) -> tuple[float, float]:
    """Return seconds and processor seconds an image."""
    timer = Timer()
    with timer:
        for _ in faces_of(islice(cycle(members), count), params, "largest", detector, threads):
            pass
    return timer.per(count)


if __name__ == "__main__":
    main()
