"""Frames are counted as Pillow counts them, and the first is the one that is read."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.imaging.decode import decode
from tasks.imaging.frames import gif_frames

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]


@pytest.mark.parametrize(("format_", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("AVIF", {"speed": 9})])
@pytest.mark.parametrize("count", [1, 4])
def test_frames_of_an_animation(
    picture: Pixels, encode: Encode, format_: str, options: dict[str, object], count: int
) -> None:
    others = [Image.fromarray(np.roll(picture, 30 * number, axis=1)) for number in range(1, count)]
    data = encode(Image.fromarray(picture), format_, save_all=True, append_images=others, **options)
    decoded = decode(data, max_pixels=10**8)
    with Image.open(io.BytesIO(data)) as theirs:
        assert decoded.header.frames == getattr(theirs, "n_frames", 1) == count
    assert np.abs(decoded.pixels.astype(int) - picture).mean() < 10


def test_pictures_of_a_multi_picture_jpeg(picture: Pixels, encode: Encode) -> None:
    second = Image.fromarray(255 - picture)
    data = encode(Image.fromarray(picture), "MPO", save_all=True, append_images=[second], quality=95)
    decoded = decode(data, max_pixels=10**8)
    assert (decoded.header.format, decoded.header.frames) == ("JPEG", 2)
    assert np.abs(decoded.pixels.astype(int) - picture).mean() < 3


def test_a_cut_gif_counts_what_is_there(picture: Pixels, encode: Encode) -> None:
    others = [Image.fromarray(np.roll(picture, 40, axis=1))]
    data = encode(Image.fromarray(picture), "GIF", save_all=True, append_images=others)
    counts = [gif_frames(data[:cut]) for cut in range(13, len(data))]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, 2)
    assert gif_frames(b"GIF89a") == 1
