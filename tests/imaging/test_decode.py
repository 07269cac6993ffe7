"""Every file ends as upright RGB or with one fitting status."""

from __future__ import annotations

import contextlib
import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tasks.imaging.decode import ImageError, decode
from tasks.sources.status import Status

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]
LIMIT = 100_000_000


def status_of(data: bytes, max_pixels: int = LIMIT) -> Status:
    with pytest.raises(ImageError) as caught:
        decode(data, max_pixels=max_pixels)
    assert caught.value.message
    return caught.value.status


def rgb(data: bytes, reduction: int = 1) -> Pixels:
    return decode(data, max_pixels=LIMIT, reduction_for=lambda *_: reduction).pixels


def png_head(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format_", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_come_back_as_they_were(picture: Pixels, encode: Encode, format_: str) -> None:
    decoded = decode(encode(picture, format_), max_pixels=LIMIT)
    assert decoded.header.format == format_
    np.testing.assert_array_equal(decoded.pixels, picture)


@pytest.mark.parametrize(("format_", "options"), [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("GIF", {})])
def test_lossy_formats_come_back_nearly(picture: Pixels, encode: Encode, format_: str, options: dict[str, Any]) -> None:
    pixels = rgb(encode(picture, format_, **options))
    assert pixels.shape == picture.shape
    assert np.abs(pixels.astype(int) - picture).mean() < 8


def test_grey_palette_and_cmyk_become_rgb(picture: Pixels, encode: Encode) -> None:
    grey = Image.fromarray(picture).convert("L")
    for data in (encode(grey, "PNG"), encode(grey, "JPEG", quality=98), encode(grey.convert("LA"), "PNG")):
        pixels = rgb(data)
        assert pixels.shape == picture.shape
        assert np.abs(pixels[..., 0].astype(int) - np.asarray(grey)).max() <= 4
    palette = Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(rgb(encode(palette, "PNG")), np.asarray(palette.convert("RGB")))
    cmyk = Image.fromarray(picture).convert("CMYK")
    assert np.abs(rgb(encode(cmyk, "JPEG", quality=95)).astype(int) - picture).mean() < 4


def test_transparency_is_laid_on_white(picture: Pixels, encode: Encode) -> None:
    alpha = np.zeros(picture.shape[:2], np.uint8)
    alpha[:, 80:] = 255
    pixels = rgb(encode(np.dstack([picture, alpha]), "PNG"))
    assert (pixels[:, :80] == 255).all()
    np.testing.assert_array_equal(pixels[:, 80:], picture[:, 80:])
    palette = Image.fromarray(picture).quantize(16)
    index = int(np.asarray(palette)[0, 0])
    data = encode(palette, "GIF", transparency=index)
    assert rgb(data)[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bits_become_their_upper_eight(encode: Encode) -> None:
    wide = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    pixels = rgb(encode(Image.fromarray(wide), "PNG"))
    assert np.abs(pixels[..., 1].astype(int) - (wide >> 8)).max() <= 1
    fractions = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)
    assert abs(int(rgb(encode(Image.fromarray(fractions), "TIFF"))[-1, -1, 0]) - 255) <= 1


def test_first_frame_of_an_animation(picture: Pixels, encode: Encode) -> None:
    other = Image.fromarray(255 - picture)
    data = encode(Image.fromarray(picture), "WEBP", save_all=True, append_images=[other], lossless=True)
    np.testing.assert_array_equal(rgb(data), picture)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone_as_pillow_does(picture: Pixels, encode: Encode, format_: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = (
        {"quality": 95, "subsampling": 0} if format_ == "JPEG" else {"lossless": True} if format_ == "WEBP" else {}
    )
    data = encode(picture, format_, exif=exif, **options)
    with Image.open(io.BytesIO(data)) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    decoded = decode(data, max_pixels=LIMIT)
    assert (decoded.header.height, decoded.header.width) == upright.shape[:2] == decoded.pixels.shape[:2]
    assert np.abs(decoded.pixels.astype(int) - upright).max() <= 2


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
@pytest.mark.parametrize("reduction", [2, 4, 8, 16, 32])
def test_reduced_pixels_are_averages_of_the_full_ones(encode: Encode, format_: str, reduction: int) -> None:
    rows, columns = np.mgrid[0:101, 0:163]
    smooth = np.stack([rows + columns, 2 * rows, columns], axis=2).clip(0, 255).astype(np.uint8)
    data = encode(smooth, format_, **({"quality": 98, "subsampling": 0} if format_ == "JPEG" else {}))
    small = rgb(data, reduction).astype(float)
    assert small.shape[:2] == (-(-101 // reduction), -(-163 // reduction))
    high, wide = 101 // reduction, 163 // reduction
    full = smooth[: high * reduction, : wide * reduction].astype(float)
    means = full.reshape(high, reduction, wide, reduction, 3).mean(axis=(1, 3))
    assert np.abs(small[:high, :wide] - means).max() <= 4


def test_each_kind_of_bad_file_has_its_status(picture: Pixels, encode: Encode) -> None:
    jpeg, png = encode(picture, "JPEG"), encode(picture, "PNG")
    assert status_of(b"") is Status.EMPTY_FILE
    assert status_of(b"no image, but a text of some length") is Status.NOT_AN_IMAGE
    assert status_of(jpeg[: len(jpeg) // 2]) is Status.TRUNCATED
    assert status_of(jpeg[:30]) is Status.TRUNCATED
    assert status_of(png[: len(png) // 2]) is Status.TRUNCATED
    assert status_of(png_head(30_000, 30_000)) is Status.TOO_LARGE
    assert status_of(jpeg, max_pixels=picture.shape[0] * picture.shape[1] - 1) is Status.TOO_LARGE
    assert status_of(b"\x00\x00\x00\x1cftypisom" + bytes(30)) is Status.UNSUPPORTED_FORMAT
    assert status_of(b"\x00\x00\x00\x1cftypavif" + bytes(30)) in (Status.UNREADABLE, Status.TRUNCATED)
    assert status_of(b"\x89PNG\r\n\x1a\n" + bytes(40)) is Status.UNREADABLE
    assert status_of(png_head(0, 5)) in (Status.UNREADABLE, Status.TRUNCATED)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 4}])
def test_a_jpeg_cut_anywhere_is_truncated(picture: Pixels, encode: Encode, options: dict[str, Any]) -> None:
    data = encode(picture, "JPEG", quality=90, **options)
    assert rgb(data).shape == picture.shape
    for cut in range(4, len(data) - 8, 97):
        assert status_of(data[:cut]) is Status.TRUNCATED


def test_a_cut_jpeg_with_an_end_marker_glued_on_is_not_taken_for_whole(picture: Pixels, encode: Encode) -> None:
    data = encode(picture, "JPEG", quality=90)
    for share in (0.5, 0.7, 0.9):
        for reduction in (1, 8):
            with pytest.raises(ImageError) as caught:
                rgb(data[: int(len(data) * share)] + b"\xff\xd9", reduction)
            assert caught.value.status is Status.TRUNCATED


def test_bytes_behind_the_end_are_ignored(picture: Pixels, encode: Encode) -> None:
    data = encode(picture, "JPEG", quality=90)
    np.testing.assert_array_equal(rgb(data + b"trailer \xff\xd9\xff\xd8\xff and more"), rgb(data))


def test_a_truncated_file_with_a_whole_thumbnail_is_truncated(picture: Pixels, encode: Encode) -> None:
    data = encode(picture, "JPEG", exif=b"Exif\x00\x00MM\x00\x2a" + encode(picture[:16, :16], "JPEG"))
    assert rgb(data).shape == picture.shape
    assert status_of(data[: len(data) // 2]) is Status.TRUNCATED


def test_large_images_raise_no_warning(encode: Encode) -> None:
    data = encode(Image.new("1", (12_000, 9_000)), "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert status_of(data) is Status.TOO_LARGE


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 9)])
@pytest.mark.parametrize("reduction", [1, 8])
def test_tiny_and_thin_images_decode(encode: Encode, size: tuple[int, int], reduction: int) -> None:
    for format_ in ("JPEG", "PNG"):
        pixels = rgb(encode(np.full((*size, 3), 90, np.uint8), format_), reduction)
        assert pixels.shape == (-(-size[0] // reduction), -(-size[1] // reduction), 3)


def test_damaged_files_never_raise_anything_else(picture: Pixels, encode: Encode) -> None:
    random = np.random.default_rng(5)
    exif = Image.Exif()
    exif[0x0112] = 6
    for format_ in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"):
        data = np.frombuffer(
            encode(picture, format_, **({} if format_ in ("GIF", "BMP") else {"exif": exif})), np.uint8
        )
        for turn in range(40):
            damaged = data.copy()
            places = len(data) if turn % 2 else min(len(data), 400)  # in turns the whole file and its head
            damaged[random.integers(0, places, 8)] = random.integers(0, 256, 8)
            with contextlib.suppress(ImageError):
                rgb(damaged.tobytes(), 2)


def test_real_photographs_decode_without_a_false_alarm(real_data: Path) -> None:
    with tarfile.open(real_data / "scenes" / "group_photos.tar") as tar:
        members = [member for member in tar.getmembers() if member.name.endswith(".jpg")]
        files = [stream.read() for member in members if (stream := tar.extractfile(member))]
    with zipfile.ZipFile(real_data / "scenes" / "no_faces.zip") as archive:
        files += [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")]
    for data in files:
        with Image.open(io.BytesIO(data)) as image:
            theirs = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
        assert np.abs(rgb(data) - theirs).mean() < 1
        assert status_of(data[: len(data) // 2]) is Status.TRUNCATED


@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_as_many_pixels_as_are_allowed_are_decoded_and_one_more_is_not(
    picture: Pixels, encode: Encode, format_: str
) -> None:
    data = encode(picture, format_)
    pixels = picture.shape[0] * picture.shape[1]
    assert decode(data, max_pixels=pixels).pixels.shape == picture.shape
    assert status_of(data, max_pixels=pixels - 1) == Status.TOO_LARGE


@pytest.mark.parametrize(
    ("code", "expected"), [(cv2.Error.STS_NO_MEM, MemoryError), (cv2.Error.STS_ASSERT, ImageError)]
)
def test_what_opencv_raises_for_want_of_memory_is_no_fault_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, picture: Pixels, encode: Encode, code: int, expected: type[Exception]
) -> None:
    def fails(*_: Any) -> None:
        error = cv2.error("made to fail")
        error.code, error.err = code, "made to fail"
        raise error

    data = encode(picture, "JPEG", quality=80)
    monkeypatch.setattr(cv2, "imdecode", fails)
    with pytest.raises(expected, match="made to fail"):
        decode(data, max_pixels=LIMIT)
