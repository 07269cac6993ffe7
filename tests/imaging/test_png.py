"""Texts and profiles of any length, wherever they stand, never cost the picture."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.imaging.decode import decode
from tasks.imaging.png import MOST_UNFOLDED, read_png, unfold

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]
Chunks = Callable[..., bytes]
LONG = b"a face by a window, " * 200_000


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"tEXt", b"workflow\x00" + LONG),
        (b"zTXt", b"workflow\x00\x00" + zlib.compress(LONG)),
        (b"iTXt", b"workflow\x00\x01\x00\x00\x00" + zlib.compress(LONG)),
        (b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(bytes(2 * MOST_UNFOLDED))),
        (b"zTXt", b"Raw profile type exif\x00\x00" + zlib.compress(bytes(2 * MOST_UNFOLDED))),
        (b"zTXt", b"workflow\x00\x00no zlib"),
        (b"zTXt", b"workflow\x00\x07" + zlib.compress(LONG)),
        (b"iCCP", b"name\x00\x00" + zlib.compress(LONG)),
        (b"iCCP", b"name\x00\x00no zlib"),
        (b"iCCP", b"name\x00\x00" + zlib.compress(bytes(2 * MOST_UNFOLDED))),
        (b"gAMA", b"\x00"),
        (b"cHRM", bytes(32)),
        (b"acTL", b"\x00"),
        (b"fcTL", bytes(26)),
        (b"zzZz", bytes(100)),
    ],
)
def test_texts_and_profiles_never_cost_the_picture(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks, kind: bytes, body: bytes, behind: bool
) -> None:
    data = with_chunks(encode(picture, "PNG"), chunk(kind, body), behind=behind)
    np.testing.assert_array_equal(decode(data, max_pixels=10**8).pixels, picture)


def test_what_decoding_does_not_need_is_left_out(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks
) -> None:
    png = encode(picture, "PNG")
    assert read_png(png).content == png
    assert read_png(with_chunks(png, chunk(b"tEXt", b"a\x00b"))).content == png
    palette = encode(Image.fromarray(picture).quantize(8), "PNG", transparency=3)
    assert read_png(palette).content == palette


def test_a_wrong_sum_of_a_text_does_not_matter(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks
) -> None:
    text = chunk(b"tEXt", b"a\x00b")
    data = with_chunks(encode(picture, "PNG"), text[:-1] + bytes((text[-1] ^ 1,)))
    np.testing.assert_array_equal(decode(data, max_pixels=10**8).pixels, picture)


def test_unfolding_is_bounded() -> None:
    assert unfold(zlib.compress(bytes(MOST_UNFOLDED))) == bytes(MOST_UNFOLDED)
    assert unfold(zlib.compress(bytes(MOST_UNFOLDED + 1))) == b""


def test_an_animation_shows_its_first_frame_and_says_how_many(picture: Pixels, encode: Encode) -> None:
    others = [Image.fromarray(255 - picture), Image.fromarray(picture // 2)]
    data = encode(Image.fromarray(picture), "PNG", save_all=True, append_images=others)
    decoded = decode(data, max_pixels=10**8)
    assert decoded.header.frames == 3
    np.testing.assert_array_equal(decoded.pixels, picture)
