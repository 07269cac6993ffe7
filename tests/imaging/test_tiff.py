"""Directories of TIFF files: pages are counted, and a camera's raw file is told from a picture."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.imaging.decode import decode
from tasks.imaging.errors import ImageError
from tasks.imaging.tiff import pages, raw_kind
from tasks.sources.status import Status

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]
Entry = tuple[int, int, int]  # tag, type (3 SHORT, 4 LONG), value


def tiff(order: str, *directories: list[Entry], chain: bool = False, below: bool = False) -> bytes:
    """Return a TIFF file whose first page is a preview of 8 x 8 pixels, with more directories chained or below it."""
    strip = bytes(192)
    preview: list[Entry] = [(256, 3, 8), (257, 3, 8), (258, 3, 8), (259, 3, 1), (262, 3, 2), (277, 3, 3), (278, 3, 8)]
    first = sorted([*preview, (273, 4, 8), (279, 4, 192), *directories[0], *([(330, 4, 0)] if below else [])])
    contents, starts, at = b"", [], 8 + len(strip)
    for entries in (first, *directories[1:]):
        starts.append(at + len(contents))
        contents += b"\x00" * (2 + 12 * len(entries) + 4)
    body = b""
    for number, entries in enumerate((first, *directories[1:])):
        body += struct.pack(order + "H", len(entries))
        for tag, type_, value in entries:
            value = starts[1] if tag == 330 else value
            packed = struct.pack(order + "HH", value, 0) if type_ == 3 else struct.pack(order + "I", value)
            body += struct.pack(order + "HHI", tag, type_, 1) + packed
        following = starts[number + 1] if chain and number + 1 < len(starts) else 0
        body += struct.pack(order + "I", following)
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    return mark + struct.pack(order + "I", starts[0]) + strip + body


@pytest.mark.parametrize("order", "<>")
def test_camera_raw_is_never_its_preview(order: str) -> None:
    mosaic: list[Entry] = [(256, 4, 6000), (257, 4, 4000), (262, 3, 32803)]
    files = {
        "DNG": tiff(order, [(50706, 4, 0x01040000)]),
        "mosaic": tiff(order, [(254, 4, 1)], mosaic, below=True),
        "mosaic in the chain": tiff(order, [], mosaic, chain=True),
        "Nikon": tiff(order, [], [(259, 3, 34713)], below=True),
        "Sony": tiff(order, [], [(259, 3, 32767)], below=True),
        "a preview": tiff(order, [(254, 4, 1)], [(256, 4, 6000), (257, 4, 4000)], below=True),
        "the first page itself": tiff(order, [(33421, 3, 2)]),
    }
    for name, data in files.items():
        with pytest.raises(ImageError) as caught:
            decode(data, max_pixels=10**8)
        assert caught.value.status is Status.UNSUPPORTED_FORMAT, name
        assert caught.value.message.startswith("camera raw ("), name
        assert "develop" in caught.value.message


@pytest.mark.parametrize("order", "<>")
def test_pictures_with_directories_below_or_behind_are_read(order: str) -> None:
    smaller: list[Entry] = [(254, 4, 1), (256, 4, 4), (257, 4, 4), (262, 3, 2)]
    for data in (tiff(order, []), tiff(order, [], smaller, below=True), tiff(order, [], smaller, chain=True)):
        assert decode(data, max_pixels=10**8).pixels.shape == (8, 8, 3)


def test_pages_are_counted_and_a_ring_of_them_ends(picture: Pixels, encode: Encode) -> None:
    others = [Image.fromarray(255 - picture), Image.fromarray(picture)]
    data = encode(Image.fromarray(picture), "TIFF", save_all=True, append_images=others)
    decoded = decode(data, max_pixels=10**8)
    assert decoded.header.frames == 3
    np.testing.assert_array_equal(decoded.pixels, picture)
    ring = tiff("<", [], [(256, 4, 4)], chain=True)
    ring = ring[:-4] + ring[4:8]  # the last directory names the first as the next one
    assert len(list(pages(ring))) == 3
    assert raw_kind(ring) is None
