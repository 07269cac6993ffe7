"""The facts of a file and a crop, against what is known of them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.imaging.encode import encode_png
from tasks.imaging.jpeg import read_jpeg_header
from tasks.imaging.phash import phash
from tasks.imaging.resize import resize_to
from tasks.imaging.trivial_features import STANDARD_TABLE, corner_variance, jpeg_quality, quality_of, sharpness

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


def test_sharpness_and_corners_by_hand() -> None:
    """A grey dot of 10: the Laplacian is -40 there and 10 at its four neighbours."""
    dot = np.zeros((9, 10, 3), np.uint8)
    dot[4, 5] = 10
    values = np.zeros(90)
    values[:5] = (-40, 10, 10, 10, 10)
    assert sharpness(dot) == pytest.approx(values.var())
    corners = np.zeros((32, 48, 3), np.uint8)
    for number, (rows, columns) in enumerate([(0, 0), (0, 47), (31, 0), (31, 47)], start=1):
        corners[rows, columns] = 24 * number
    variances = [np.array([24 * number] + [0] * 23).var() for number in range(1, 5)]  # corners of 4 x 6 pixels
    assert corner_variance(corners) == pytest.approx(np.mean(variances))


@pytest.mark.parametrize(
    ("table", "quality"),
    [
        ([1] * 64, 100),
        ([255] * 64, 1),
        ([300] * 64, 1),  # coarser than any of libjpeg's
        (STANDARD_TABLE, 50),
        ([*STANDARD_TABLE[:-1], 100], 50),
        ([value * 2 for value in STANDARD_TABLE], 25),
    ],
)
def test_the_quality_of_a_table_is_that_of_the_nearest_sum(table: list[int], quality: int) -> None:
    assert quality_of([table, [9] * 64]) == quality
    assert quality_of([]) is None


def test_of_two_qualities_as_near_the_lower_is_told() -> None:
    """A sum halfway between those of two neighbours."""
    sums = {quality: sum(_table(quality)) for quality in range(1, 101)}
    lower = next(quality for quality in range(60, 100) if (sums[quality] - sums[quality + 1]) % 2 == 0)
    middle = (sums[lower] + sums[lower + 1]) // 2
    assert quality_of([[middle, *[0] * 63]]) == lower
    assert quality_of([[middle - 1, *[0] * 63]]) == lower + 1


def _table(quality: int) -> list[int]:
    """Return libjpeg's luminance table (jpeg_set_quality, jpeg_add_quant_table)."""
    scale = 5000 // quality if quality < 50 else 200 - quality * 2
    return [min(max((value * scale + 50) // 100, 1), 255) for value in STANDARD_TABLE]


def test_the_standard_table_is_libjpeg_s_own(picture: Pixels, encode: Encode) -> None:
    """At quality 50 it writes the table as it is."""
    [table, *_] = read_jpeg_header(encode(picture, "JPEG", quality=50)).tables
    assert sorted(table) == sorted(STANDARD_TABLE)


def test_tables_of_sixteen_bits_tell_the_same_quality(picture: Pixels, encode: Encode) -> None:
    data = encode(picture, "JPEG", quality=60)
    start = data.index(b"\xff\xdb")
    table = data[start + 5 : start + 69]
    wide = b"\xff\xdb\x00\x83" + bytes([0x10 | data[start + 4]]) + b"".join(b"\x00" + bytes([each]) for each in table)
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    assert length == 67, "one table a segment"
    assert jpeg_quality(data[:start] + wide + data[start + 2 + length :]) == 60


def test_a_plain_picture_has_no_wave_above_the_median() -> None:
    assert phash(np.full((64, 64, 3), 90, np.uint8)) == bytes(32)
