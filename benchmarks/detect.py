"""Detect and crop, beside the stock mtcnn package: speed, agreement, where the time goes, memory.

    python -m benchmarks.detect SOURCE [--limit N] [--stock-images N] [--min-face F] [--precision bf16]

Both decode, find and crop every face. The stock package works on full pixels with its default settings, one image a
call, which is the only way in which it is right; it is slow, so it gets only the first `--stock-images`. The two run
in turns, so that other load on the machine weighs on both.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.steps import watching
from benchmarks.stock import RESAMPLED, Boxes, Stock
from tasks.detection.boxes import iou
from tasks.detection.detector import THRESHOLDS, FaceDetector
from tasks.detection.onepass import ImageResult, faces_of
from tasks.params import CropParams
from tasks.sources import Member, open_source

TURNS = 5
SAME = 0.5  # overlap from which two boxes are the same face
IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("source", help="folder or archive of photographs")
    parser.add_argument("--limit", type=int, help="only the first N images")
    parser.add_argument("--stock-images", type=int, default=50, help="the stock package is slow: it gets this many")
    parser.add_argument("--min-face", type=float, default=RESAMPLED.min_face, help="pixels, or fraction below 1")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    members = [member for member in open_source(arguments.source).members() if member.path.lower().endswith(IMAGES)]
    members = members[: arguments.limit]
    params = RESAMPLED.model_copy(update={"min_face": arguments.min_face, "thresholds": THRESHOLDS, "keep": "all"})
    detector = FaceDetector(params.min_face, THRESHOLDS, precision=arguments.precision)
    print(f"{arguments.source}: {len(members)} images, smallest face {params.min_face:g}, {arguments.precision}")
    compare(members, members[: arguments.stock_images], params, detector, arguments.threads)
    print_steps(members, params, detector)


def compare(
    members: Sequence[Member], few: Sequence[Member], params: CropParams, detector: FaceDetector, threads: int
) -> None:
    """Time ours on `members` and the stock package on `few`, in turns, and print both."""
    run(members[:64], params, detector, threads)
    single = run_singly(members[:100], params, detector)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stock = Stock()
    stock.boxes(few[0].data or b"", params.size)
    ours, theirs, boxes = Timer(), Timer(), []
    for turn in range(TURNS):
        with ours:
            results = run(members, params, detector, threads)
        with theirs:
            boxes += [stock.boxes(member.data or b"", params.size) for member in few[turn::TURNS]]
    fast, slow = ours.per(TURNS * len(members)), theirs.per(len(few))
    print(f"ours, in batches, {threads} threads  {1 / fast[0]:8.1f} images/s   peak memory {memory:.0f} MiB")
    print(f"ours, one by one, 1 thread   {1 / single:8.1f} images/s")
    print(f"stock mtcnn                  {1 / slow[0]:8.2f} images/s   (measured on {len(few)} images)")
    print(
        f"ratio                        {slow[0] / fast[0]:8.1f}          (of processor time: {slow[1] / fast[1]:.1f})"
    )
    print_agreement([result for turn in range(TURNS) for result in results[: len(few)][turn::TURNS]], boxes, detector)


class Timer:
    """Adds up the seconds, and the processor seconds, of the blocks it is used for."""

    def __init__(self) -> None:
        self.seconds = np.zeros(2)

    def __enter__(self) -> None:
        """Start a block."""
        self._started = np.array([time.perf_counter(), time.process_time()])

    def __exit__(self, *_: object) -> None:
        """End a block."""
        self.seconds += np.array([time.perf_counter(), time.process_time()]) - self._started

    def per(self, images: int) -> tuple[float, float]:
        """Return seconds and processor seconds an image."""
        return float(self.seconds[0] / images), float(self.seconds[1] / images)


def run(members: Sequence[Member], params: CropParams, detector: FaceDetector, threads: int) -> list[ImageResult]:
    """Take `members` through the one pass."""
    return list(faces_of(members, params, "all", detector, threads))


def run_singly(members: Sequence[Member], params: CropParams, detector: FaceDetector) -> float:
    """Return seconds per image when each is a pass of its own, in one thread."""
    started = time.perf_counter()
    for member in members:
        run([member], params, detector, 1)
    return (time.perf_counter() - started) / len(members)


def print_agreement(results: Sequence[ImageResult], stock: Sequence[Boxes], detector: FaceDetector) -> None:
    """Print how many of the stock package's faces ours found, and how many faces it found beyond them."""
    found = wanted = extra = 0
    for result, theirs in zip(results, stock, strict=True):
        ours = np.array([face.box for face in result.faces], np.float32).reshape(-1, 4)
        overlap = iou(_corners(ours), _corners(theirs)) > SAME
        large = theirs[:, 2:].max(axis=1, initial=0) >= detector.smallest(result.width or 1, result.height or 1)
        wanted += int(large.sum())
        found += int((overlap.any(axis=0) & large).sum())
        extra += int((~overlap.any(axis=1)).sum())
    print(f"stock faces of the smallest size or more: {found} of {wanted} found; faces beyond stock's: {extra}")


def _corners(boxes: Boxes) -> Boxes:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def print_steps(members: Sequence[Member], params: CropParams, detector: FaceDetector) -> None:
    """Print the processor time of each step, measured in one thread."""
    with watching() as watch:
        started = time.process_time()
        run(members, params, detector, 1)
        total = time.process_time() - started
    each = {
        step: seconds / len(members) * 1000
        for step, seconds in sorted(watch.seconds.items(), key=lambda item: -item[1])
    }
    each["rest"] = total / len(members) * 1000 - sum(each.values())
    print(f"processor time {total / len(members) * 1000:.2f} ms an image:")
    for step, milliseconds in each.items():
        print(f"    {step:15s} {milliseconds:7.3f} ms")


if __name__ == "__main__":
    main()
