"""The perceptual hash against a plain computation."""

from __future__ import annotations

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.fft import dctn

from tasks.imaging.phash import phash


def grey(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Grey as the eye weighs it, in whole numbers."""
    return np.asarray(np.round(rgb @ np.array([0.299, 0.587, 0.114])))


@pytest.mark.parametrize(("tall", "wide"), [(1, 1), (2, 3)])
def test_bits_are_the_frequencies_above_their_median(tall: int, wide: int) -> None:
    """64 x 64 pixels, or as many blocks, so that scaling is an average; none of the first row and column."""
    small = np.random.default_rng(193).integers(0, 256, (64, 64, 3), np.uint8)
    waves = dctn(grey(small), norm="ortho")[1:17, 1:17]
    expected = waves > np.median(waves)
    assert np.abs(waves - np.median(waves)).min() > 0.25, "no bit hangs on rounding"
    picture = np.repeat(np.repeat(small, tall, axis=0), wide, axis=1)
    bits = np.unpackbits(np.frombuffer(phash(picture), np.uint8)).reshape(16, 16).astype(bool)
    assert len(phash(picture)) == 32
    np.testing.assert_array_equal(bits, expected)


def test_colours_count_as_the_eye_sees_them() -> None:
    """Red for blue is another picture."""
    small = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    assert phash(small) != phash(np.ascontiguousarray(small[..., ::-1]))


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (40, 41), (95, 96), (641, 480)])
def test_any_size_has_a_hash(size: tuple[int, int]) -> None:
    assert len(phash(np.full((*size, 3), 9, np.uint8))) == 32


def test_photographs_are_averaged_as_opencv_does(real_data: Path) -> None:
    """By area, which fewer steps come near to; pixels picked out instead would be other pictures."""
    with tarfile.open(real_data / "faces" / "omi_stylegan2.tar") as archive:
        members = [member for member in archive if member.name.endswith(".jpg")][:8]
        files = [archive.extractfile(member) for member in members]
        photographs = [cv2.imdecode(np.frombuffer(file.read(), np.uint8), 1) for file in files if file]
    for photograph in photographs:
        assert photograph is not None
        for side in (1024, 300):
            pixels = np.asarray(cv2.resize(photograph, (side, side), interpolation=cv2.INTER_AREA)[..., ::-1], np.uint8)
            small = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (64, 64), interpolation=cv2.INTER_AREA)
            waves = dctn(small.astype(np.float64), norm="ortho")[1:17, 1:17]
            expected = np.packbits(waves > np.median(waves))
            differ = np.unpackbits(expected ^ np.frombuffer(phash(pixels), np.uint8)).sum()
            assert differ <= 6
