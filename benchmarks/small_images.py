"""Archives of any number of small images, made from real ones by crop and re-encode."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.sources import open_source

SIDE = 128  # pixels
_ENDINGS = (".jpg", ".jpeg", ".png")


def write_tar(target: Path, originals: str, number: int) -> None:
    """Write a plain tar of `number` JPEGs of SIDE x SIDE pixels, each another crop of one of the `originals`.

    `originals` is a source of images of at least a few hundred pixels; the same arguments give the same bytes.
    """
    files = [member.data for member in open_source(originals).members() if _is_image(member.path) and member.data]
    with tarfile.open(target, "w") as archive:
        for index, image in enumerate(_small_images(files, number)):
            info = tarfile.TarInfo(f"{index // 10_000:03d}/{index:07d}.jpg")
            info.size = len(image)
            archive.addfile(info, io.BytesIO(image))


def _small_images(files: Sequence[bytes], number: int) -> Iterator[bytes]:
    randomness = np.random.default_rng(number)
    for index in range(number):
        pixels = cv2.imdecode(np.frombuffer(files[index % len(files)], np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError("one of the originals is no image")
        yield _crop_again(np.asarray(pixels, np.uint8), randomness)


def _crop_again(pixels: NDArray[np.uint8], randomness: np.random.Generator) -> bytes:
    """Cut out a square of 85 to 100 % of the shorter side, anywhere; encode it with a quality between 75 and 95."""
    height, width = pixels.shape[:2]
    side = int(min(height, width) * randomness.uniform(0.85, 1))
    top, left = randomness.integers(0, [height - side + 1, width - side + 1])
    small = cv2.resize(pixels[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, int(randomness.integers(75, 96))])
    return encoded.tobytes()


def _is_image(path: str) -> bool:
    return path.lower().endswith(_ENDINGS)
