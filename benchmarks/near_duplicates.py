"""How far apart the perceptual hashes of copies and of unrelated pictures are: where `near_duplicate_bits` comes from.

    python -m benchmarks.near_duplicates SOURCE [SOURCE ...]

Copies are re-encoded at JPEG quality 90, 50 and 30 at scale 1, 0.75 and 0.5.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.decode import ImageError, decode
from tasks.imaging.phash import phash
from tasks.sources import open_source

COPIED = 60  # pictures of each source


def main() -> None:
    """Print the distances for each source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+")
    print(f"{'source':<28}{'pictures':>9}{'copies: median':>16}{'99 %':>6}{'nearest other: least':>22}{'1 %':>6}")
    for source in parser.parse_args().sources:
        copies = [distance for picture in islice(_pictures(source), COPIED) for distance in _copies(picture)]
        nearest = _nearest([phash(picture) for picture in _pictures(source)])
        name, near, far = source.rsplit("/", 1)[-1], np.percentile(copies, [50, 99]), np.percentile(nearest, 1)
        print(f"{name:<28}{len(nearest):>9}{near[0]:>16.0f}{near[1]:>6.0f}{nearest.min():>22}{far:>6.0f}")


def _pictures(source: str) -> Iterator[NDArray[np.uint8]]:
    for member in open_source(source).members():
        if member.data is not None:
            try:
                yield decode(member.data, max_pixels=100_000_000).pixels
            except ImageError:
                continue


def _copies(picture: NDArray[np.uint8]) -> Iterator[int]:
    original = phash(picture)
    for scale in (1.0, 0.75, 0.5):
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for quality in (90, 50, 30):
            encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            copy = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
            yield (int.from_bytes(original) ^ int.from_bytes(phash(copy))).bit_count()


def _nearest(hashes: list[bytes]) -> NDArray[np.int64]:
    words = np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, 4)
    nearest = np.empty(len(words), np.int64)
    for position, word in enumerate(words):
        distances = np.bitwise_count(words ^ word).sum(axis=1, dtype=np.int64)
        distances[position] = 256
        nearest[position] = distances.min()
    return nearest


if __name__ == "__main__":
    main()
