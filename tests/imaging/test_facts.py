"""The facts of a file and a crop, against what is known of them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.imaging.encode import encode_png
from tasks.imaging.facts import corner_variance, jpeg_quality, sharpness
from tasks.imaging.phash import phash
from tasks.imaging.resize import resize_to

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]


@pytest.mark.parametrize("quality", [1, 5, 25, 49, 50, 51, 75, 88, 95, 99, 100])
def test_quality_is_what_libjpeg_was_told(picture: Pixels, encode: Encode, quality: int) -> None:
    assert jpeg_quality(encode(picture, "JPEG", quality=quality)) == quality


def test_quality_of_what_is_no_jpeg(picture: Pixels, encode: Encode) -> None:
    assert jpeg_quality(encode(picture, "PNG")) is None
    assert jpeg_quality(b"\xff\xd8\xff\xe0") is None


def test_blur_lowers_sharpness() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert sharpness(noise) > 4 * sharpness(np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.0), np.uint8))
    assert sharpness(np.full((64, 64, 3), 7, np.uint8)) == 0


def test_corner_variance_looks_at_corners_only() -> None:
    plain = np.full((64, 64, 3), 200, np.uint8)
    plain[16:48, 16:48] = np.random.default_rng(1).integers(0, 256, (32, 32, 3))
    assert corner_variance(plain) == 0
    plain[:8, :8] = np.random.default_rng(2).integers(0, 256, (8, 8, 3))
    assert corner_variance(plain) > 0


def test_png_is_lossless_and_repeatable(picture: Pixels) -> None:
    data = encode_png(picture)
    assert data == encode_png(picture.copy())
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), picture)


def test_resizing_averages_and_leaves_the_right_size_alone() -> None:
    squares = np.kron(np.eye(8, dtype=np.uint8) * 200, np.ones((4, 4), np.uint8))[..., None].repeat(3, axis=2)
    np.testing.assert_array_equal(resize_to(squares, 8), np.eye(8, dtype=np.uint8)[..., None].repeat(3, axis=2) * 200)
    assert resize_to(squares, 32) is squares
    assert resize_to(squares, 50).shape == (50, 50, 3)


def distance(a: Pixels, b: Pixels) -> int:
    return int(np.bitwise_count(np.frombuffer(phash(a), np.uint8) ^ np.frombuffer(phash(b), np.uint8)).sum())


def test_hash_survives_encoding_and_scaling_and_tells_pictures_apart() -> None:
    random = np.random.default_rng(3)
    faces = [
        np.asarray(cv2.resize(small, (128, 128), interpolation=cv2.INTER_CUBIC), np.uint8)
        for small in random.integers(0, 256, (6, 12, 12, 3), np.uint8)
    ]
    for face in faces:
        _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 60])
        again = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        assert len(phash(face)) == 32
        assert distance(face, again) <= 20
        assert distance(face, resize_to(resize_to(face, 64), 128)) <= 20
    assert min(distance(a, b) for i, a in enumerate(faces) for b in faces[:i]) > 60
