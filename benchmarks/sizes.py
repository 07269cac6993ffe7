"""Detect and crop on folders of photographs of several sizes, singly and in batches, beside the stock mtcnn package.

    python -m benchmarks.sizes SOURCE [--sizes 256 512 1024 4000] [--images 64] [--stock-images 3] [--min-face F]

The folders are made from SOURCE's images, scaled to that longer side and encoded again (JPEG, quality 85), and are
removed again. The smallest face is that of the default settings, a fraction of the longer side, if not told otherwise;
the stock package works at its own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import cv2

from benchmarks.detect import Timer, run, run_singly
from benchmarks.stock import RESAMPLED, Stock
from tasks.detection.detector import FaceDetector
from tasks.imaging.decode import ImageError, decode
from tasks.params import CropParams
from tasks.sources import Member, open_source

QUALITY = 85
SIZES = [256, 512, 1024, 4000]


def main() -> None:
    """Parse the command line, make each folder, measure on it, print a line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("source", help="folder or archive of photographs, best as large as the largest size")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="longer sides in pixels")
    parser.add_argument("--images", type=int, default=64, help="in each folder")
    parser.add_argument("--stock-images", type=int, default=3, help="the stock package is slow: it gets this many")
    parser.add_argument("--min-face", type=float, default=RESAMPLED.min_face, help="pixels, or fraction below 1")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    params = RESAMPLED.model_copy(update={"min_face": arguments.min_face, "keep": "all"})
    detector = FaceDetector(params.min_face, params.thresholds)
    stock = Stock()
    print(f"{arguments.source}, {arguments.images} images a size, smallest face {params.min_face:g}")
    print(f"{'pixels':>6}{'singly, ms':>12}{'images/s':>10}{'stock, ms':>11}{'ratio':>7}{'faces':>7}")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory(prefix="fauxface-sizes-") as folder:
            write_folder(Path(folder), arguments.source, size, arguments.images)
            members = list(open_source(folder).members())
        print_line(size, members, members[: arguments.stock_images], params, detector, stock, arguments.threads)


def write_folder(folder: Path, source: str, size: int, images: int) -> None:
    """Write so many JPEGs with a longer side of `size` pixels, from the source's images in turn."""
    for number, member in enumerate(islice(cycle(readable(source)), images)):
        pixels = decode(member.data or b"", max_pixels=RESAMPLED.max_pixels).pixels
        scale = size / max(pixels.shape[:2])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        scaled = cv2.cvtColor(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how), cv2.COLOR_RGB2BGR)
        content = cv2.imencode(".jpg", scaled, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        (folder / f"{number:06d}.jpg").write_bytes(content.tobytes())


def readable(source: str) -> Iterator[Member]:
    """Yield the source's images; ends with an error where there is none."""
    found = False
    for member in open_source(source).members():
        try:
            decode(member.data or b"", max_pixels=RESAMPLED.max_pixels)
        except ImageError:
            continue
        found = True
        yield member
    if not found:
        raise SystemExit(f"{source}: holds no image")


def print_line(
    size: int,
    members: list[Member],
    few: list[Member],
    params: CropParams,
    detector: FaceDetector,
    stock: Stock,
    threads: int,
) -> None:
    """Measure one folder, warmed up once, and print its line."""
    run(members[:8], params, detector, threads)
    single = run_singly(members[:32], params, detector) * 1000
    ours, theirs = Timer(), Timer()
    with ours:
        faces = sum(result.n_faces for result in run(members, params, detector, threads))
    with theirs:
        for member in few:
            stock.boxes(member.data or b"", params.size)
    batch, slow = ours.per(len(members))[0], theirs.per(len(few))[0]
    print(f"{size:>6}{single:>12.1f}{1 / batch:>10.1f}{slow * 1000:>11.0f}{slow / batch:>7.0f}{faces:>7}", flush=True)


if __name__ == "__main__":
    main()
