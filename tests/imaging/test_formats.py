"""A file that is not read is called by its name, with what to do; only what has no name is no image."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.imaging.decode import decode
from tasks.imaging.errors import ImageError
from tasks.imaging.formats import format_of
from tasks.imaging.header import _class_of
from tasks.sources.status import Status

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]


def file_type(*brands: bytes) -> bytes:
    """Return the box that MP4, HEIF and AVIF files start with."""
    body = brands[0] + bytes(4) + b"".join(brands)
    return struct.pack(">I4s", 8 + len(body), b"ftyp") + body + bytes(600)


@pytest.mark.parametrize(
    ("head", "name", "remedy"),
    [
        (file_type(b"isom", b"iso2", b"avc1", b"mp41"), "MP4 video", "ffmpeg"),
        (file_type(b"mp42"), "MP4 video", "ffmpeg"),
        (file_type(b"qt  "), "QuickTime video", "ffmpeg"),
        (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat", "QuickTime video", "ffmpeg"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01", "Matroska or WebM video", "ffmpeg"),
        (b"RIFF\x00\x10\x00\x00AVI LIST", "AVI video", "ffmpeg"),
        (b"G" + bytes(187) + b"G" + bytes(187) + b"G" + bytes(187), "MPEG video", "ffmpeg"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL", "convert"),
        (b"\xff\x0a\xfa\x1f", "JPEG XL", "convert"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000", "convert"),
        (b"\xff\x4f\xff\x51\x00\x2f", "JPEG 2000", "convert"),
        (b"8BPS\x00\x01", "Photoshop", "convert"),
        (b"%PDF-1.7\n", "PDF", "pictures out"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "convert"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn --><svg/>", "SVG", "convert"),
        (b"II+\x00\x08\x00\x00\x00", "BigTIFF", "convert"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "camera raw (Canon CR2)", "develop"),
        (file_type(b"crx ", b"isom"), "camera raw (Canon CR3)", "develop"),
        (b"IIRO\x08\x00\x00\x00", "camera raw (Olympus ORF)", "develop"),
        (b"IIU\x00\x08\x00\x00\x00", "camera raw (Panasonic RW2)", "develop"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw (Fujifilm RAF)", "develop"),
        (b"II*\x00\x10\x00\x00\x00IIII\x00waR", "camera raw (Phase One IIQ)", "develop"),
    ],
)
def test_files_of_other_kinds_are_named_with_a_remedy(head: bytes, name: str, remedy: str) -> None:
    with pytest.raises(ImageError) as caught:
        format_of(head + bytes(40))
    assert caught.value.status is Status.UNSUPPORTED_FORMAT
    assert caught.value.message.startswith(f"{name} is not read")
    assert remedy in caught.value.message


def test_what_has_no_name_is_no_image() -> None:
    for data in (b"a text", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"<html><svg></html>", bytes(600)):
        with pytest.raises(ImageError) as caught:
            format_of(data)
        assert caught.value.status is Status.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("brands", "expected"),
    [
        ((b"avif", b"mif1", b"miaf"), "AVIF"),
        ((b"mif1", b"avif"), "AVIF"),
        ((b"heic", b"mif1"), "HEIF"),
        ((b"mif1", b"heic"), "HEIF"),
        ((b"msf1", b"hevc"), "HEIF"),
    ],
)
def test_avif_and_heif_are_told_apart_by_all_brands(brands: tuple[bytes, ...], expected: str) -> None:
    assert format_of(file_type(*brands)) == expected


def test_pixels_that_look_like_a_name_leave_a_picture_a_picture(encode: Encode) -> None:
    flat = Image.new("L", (64, 64), ord("I"))
    bmp, tiff = (encode(flat, format_) for format_ in ("BMP", "TIFF"))
    assert (format_of(bmp), format_of(tiff)) == ("BMP", "TIFF")
    assert format_of(b"BM\x01\x01\x00\x00\x00\x00AVI waR") == "BMP"


def test_avif_is_read(picture: Pixels, encode: Encode) -> None:
    decoded = decode(encode(picture, "AVIF", quality=90, speed=9), max_pixels=10**8)
    assert decoded.header.format == "AVIF"
    assert np.abs(decoded.pixels.astype(int) - picture).mean() < 3


def test_heic_without_its_reader_says_what_to_install(picture: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(picture)).save(buffer)
    assert decode(buffer.getvalue(), max_pixels=10**8).pixels.shape == picture.shape
    _class_of.cache_clear()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError) as caught:
        decode(buffer.getvalue(), max_pixels=10**8)
    assert caught.value.status is Status.UNSUPPORTED_FORMAT
    assert "fauxface[heif]" in caught.value.message
