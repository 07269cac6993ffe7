"""What lies between the segments, or is missing behind the last, does not cost a picture that is whole."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.imaging.decode import decode
from tasks.imaging.errors import ImageError
from tasks.imaging.jpeg import JpegError, read_jpeg_header
from tasks.sources.status import Status

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]
KINDS: list[dict[str, Any]] = [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 4}]


def rgb(data: bytes, reduction: int = 1) -> Pixels:
    return decode(data, max_pixels=10**8, reduction_for=lambda *_: reduction).pixels


def starts(jpeg: bytes) -> list[int]:
    """Return where each segment up to the first scan starts."""
    at, found = 2, []
    while jpeg[at + 1] != 0xDA:
        found.append(at)
        at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
    return [*found, at]


@pytest.mark.parametrize("stray", [b"\x00\x00\x00", b"\x12", b"ab\xff\x00cd\xff\x00", b"\xff\xff\xff", bytes(3000)])
def test_stray_bytes_between_segments_are_passed_over(
    picture: Pixels, encode: Encode, stray: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    data = encode(picture, "JPEG", quality=90)
    for at in starts(data)[1:]:
        np.testing.assert_array_equal(rgb(data[:at] + stray + data[at:]), rgb(data))
    assert not capfd.readouterr().err  # where libjpeg would tell of them, a line for each file


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("reduction", [1, 8])
def test_without_the_end_marker_alone_nothing_is_lost(
    picture: Pixels, encode: Encode, options: dict[str, Any], reduction: int
) -> None:
    data = encode(picture, "JPEG", quality=90, **options)
    for cut in (data[:-2], data[:-1]):
        np.testing.assert_array_equal(rgb(cut, reduction), rgb(data, reduction))


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_without_more_than_the_end_marker_it_is_truncated(
    picture: Pixels, encode: Encode, options: dict[str, Any], mode: str
) -> None:
    noise = np.random.default_rng(7).integers(0, 256, picture.shape, np.uint8)
    data = encode(noise if mode == "RGB" else noise[..., 0], "JPEG", quality=80, **options)
    for missing in (6, 10, 20, 60, 200, len(data) // 2):
        with pytest.raises(ImageError) as caught:
            rgb(data[:-missing])
        assert caught.value.status is Status.TRUNCATED


def test_a_progressive_file_that_ends_between_two_scans_is_truncated(picture: Pixels, encode: Encode) -> None:
    data = encode(picture, "JPEG", quality=90, progressive=True)
    ends = [at for at in range(len(data)) if data[at : at + 2] in (b"\xff\xda", b"\xff\xc4")][3:]
    for end in ends:
        with pytest.raises(ImageError) as caught:
            rgb(data[:end])
        assert caught.value.status is Status.TRUNCATED


def test_a_segment_of_no_length_ends_the_walk() -> None:
    for length in (0, 1):
        with pytest.raises(JpegError):
            read_jpeg_header(b"\xff\xd8\xff\xe0" + struct.pack(">H", length) + bytes(100))


def test_a_profile_in_several_segments_is_put_together_in_order(picture: Pixels, encode: Encode) -> None:
    profile = np.random.default_rng(1).integers(0, 256, 150_000, np.uint8).tobytes()
    data = encode(picture, "JPEG", icc_profile=profile)
    assert read_jpeg_header(data).icc == profile
    parts = [data[at : at + 2 + struct.unpack_from(">H", data, at + 2)[0]] for at in starts(data)[:-1]]
    icc = [part for part in parts if part[4:].startswith(b"ICC_PROFILE\x00")]
    assert len(icc) == 3
    rest = b"".join(part for part in parts if part not in icc) + data[starts(data)[-1] :]
    assert read_jpeg_header(b"\xff\xd8" + b"".join(reversed(icc)) + rest).icc == profile
    assert read_jpeg_header(b"\xff\xd8" + b"".join(icc[1:]) + rest).icc == b""
