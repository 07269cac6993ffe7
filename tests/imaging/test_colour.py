"""Pixels are sRGB whatever a file's numbers stood for, as LittleCMS and PNG's own formula have it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tasks.imaging.colour import Colour, png_gamma, srgb_curve, to_srgb, transform_for
from tasks.imaging.decode import decode
from tasks.imaging.profiles import SRGB, of_chromaticities, of_code_points

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]
Chunks = Callable[..., bytes]


def rgb(data: bytes, reduction: int = 1) -> Pixels:
    return decode(data, max_pixels=10**8, reduction_for=lambda *_: reduction).pixels


def by_pillow(data: bytes, profile: bytes) -> NDArray[np.int64]:
    """Return what Pillow's ImageCms makes of a picture and a profile."""
    with Image.open(io.BytesIO(data)) as image:
        srgb = ImageCms.createProfile("sRGB")
        return np.asarray(ImageCms.profileToProfile(image, io.BytesIO(profile), srgb, outputMode="RGB")).astype(int)


def lossless(picture: Pixels, encode: Encode, format_: str, profile: bytes) -> bytes:
    options: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}, "AVIF": {"speed": 9}}
    return encode(picture, format_, icc_profile=profile, **options.get(format_, {}))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_profiles_are_followed_in_every_format(
    picture: Pixels, encode: Encode, display_p3: bytes, linear_rec2020: bytes, format_: str
) -> None:
    for profile in (display_p3, linear_rec2020):
        data = lossless(picture, encode, format_, profile)
        theirs = by_pillow(data, profile)
        assert np.abs(rgb(data) - theirs).max() <= 1
        assert np.abs(theirs - rgb(encode(picture, "PNG"))).mean() > 3  # else nothing had to be done


def test_a_reduced_picture_has_the_colours_of_the_full_one(
    picture: Pixels, encode: Encode, linear_rec2020: bytes
) -> None:
    for format_ in ("JPEG", "PNG"):
        data = lossless(picture, encode, format_, linear_rec2020)
        full = rgb(data).astype(float).reshape(15, 8, 21, 8, 3).mean(axis=(1, 3))
        assert np.abs(rgb(data, 8) - full).mean() < 4


def test_srgb_profiles_leave_pixels_alone(picture: Pixels, encode: Encode) -> None:
    profiles = [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), of_code_points(1, 13)]
    for profile in profiles:
        assert transform_for(profile, "RGB") is None
        np.testing.assert_array_equal(rgb(encode(picture, "PNG", icc_profile=profile)), picture)
    plain = encode(picture, "JPEG", quality=95)
    np.testing.assert_array_equal(rgb(encode(picture, "JPEG", quality=95, icc_profile=profiles[0])), rgb(plain))


def test_profiles_that_are_broken_or_of_other_pixels_are_ignored(
    picture: Pixels, encode: Encode, display_p3: bytes, grey_profile: bytes
) -> None:
    damaged = [display_p3[:at] + bytes(24) + display_p3[at + 24 :] for at in range(0, len(display_p3) - 24, 24)]
    broken = [b"", b"x", display_p3[:200], b"\x00" * 128, display_p3[:16] + b"CMYK" + display_p3[20:], grey_profile]
    for profile in broken:
        np.testing.assert_array_equal(rgb(encode(picture, "PNG", icc_profile=profile)), picture)
    for profile in damaged:
        assert rgb(encode(picture, "PNG", icc_profile=profile)).shape == picture.shape


def test_grey_with_a_profile_of_greys_or_of_rgb(
    picture: Pixels, encode: Encode, grey_profile: bytes, linear_rec2020: bytes
) -> None:
    grey = picture[..., 1]
    expected = np.round(255 * srgb_curve(grey / 255)).astype(int)
    for format_ in ("PNG", "TIFF", "JPEG"):
        options = {"quality": 98} if format_ == "JPEG" else {}
        data = encode(grey, format_, icc_profile=grey_profile, **options)
        theirs = by_pillow(data, grey_profile)
        assert np.abs(rgb(data) - theirs).max() <= 1
        assert np.abs(theirs - expected[..., None]).mean() < 3
        pixels = rgb(encode(grey, format_, icc_profile=linear_rec2020, **options))
        assert np.abs(pixels - expected[..., None]).mean() < 3
    alpha = np.dstack([grey, np.full_like(grey, 255)])
    assert np.abs(rgb(encode(alpha, "PNG", icc_profile=grey_profile)) - expected[..., None]).mean() < 3


def inks() -> bytes:
    """Return a profile of four inks: a grid of 2 points an ink to Lab, white without ink, dark with any."""
    lab = bytearray()
    for number in range(16):
        cyan, magenta, yellow, black = (number >> shift & 1 for shift in (3, 2, 1, 0))
        light = 1.0 if not number else 0.5 if not black and cyan + magenta + yellow == 1 else 0.2
        a, b = (128 + 60 * (magenta - cyan), 128 + 60 * yellow) if light == 0.5 else (128, 128)
        lab += bytes((round(255 * light), a, b))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    steps = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + steps * 4 + bytes(lab) + steps * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    directory = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"A2B0", 176, len(table))
    head = struct.pack(">I4xI12s", 176 + len(table), 0x02400000, b"prtrCMYKLab ") + bytes(12) + b"acsp" + bytes(28)
    return head + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + directory + white + table


@pytest.mark.parametrize("format_", ["JPEG", "TIFF"])
def test_inks_with_a_profile_are_converted_by_it(picture: Pixels, encode: Encode, format_: str) -> None:
    profile = inks()
    cmyk = Image.fromarray(picture).convert("CMYK")
    data = encode(cmyk, format_, icc_profile=profile)
    theirs = by_pillow(data, profile)
    assert np.abs(rgb(data) - theirs).max() <= 1
    assert np.abs(theirs - np.asarray(cmyk.convert("RGB"))).mean() > 10
    other = encode(cmyk, format_, icc_profile=of_code_points(12, 13))
    np.testing.assert_array_equal(rgb(other), rgb(encode(cmyk, format_)))


def test_transparency_is_laid_on_white_behind_the_colours(
    picture: Pixels, encode: Encode, linear_rec2020: bytes
) -> None:
    alpha = np.full(picture.shape[:2], 128, np.uint8)
    alpha[:, :80] = 0
    opaque = rgb(encode(picture, "PNG", icc_profile=linear_rec2020)).astype(float)
    pixels = rgb(encode(np.dstack([picture, alpha]), "PNG", icc_profile=linear_rec2020))
    assert (pixels[:, :80] == 255).all()
    mixed = opaque * 128 / 255 + 255 * 127 / 255
    assert np.abs(pixels[:, 80:] - mixed[:, 80:]).max() <= 2


def gama(chunk: Chunks, value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chrm(chunk: Chunks, chromaticities: tuple[float, ...]) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in chromaticities)))


def shown(picture: Pixels, gamma: float) -> NDArray[np.float64]:
    return np.round(255 * srgb_curve((picture / 255) ** (1 / gamma)))


@pytest.mark.parametrize("gamma", [1.0, 0.55556, 0.3, 2.2])
def test_png_gamma_is_undone_whatever_the_kind(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks, gamma: float
) -> None:
    kinds = {
        "RGB": Image.fromarray(picture),
        "L": Image.fromarray(picture[..., 0]),
        "P": Image.fromarray(picture // 64 * 64).quantize(64),
        "RGBA": Image.fromarray(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])),
    }
    for mode, image in kinds.items():
        plain = encode(image, "PNG")
        np.testing.assert_array_equal(rgb(with_chunks(plain, gama(chunk, gamma))), shown(rgb(plain), gamma), mode)


def test_usual_and_senseless_gammas_leave_pixels_alone(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks
) -> None:
    for gamma in (0.45455, 0.454, 0.4621, 0.0, 40_000.0):
        np.testing.assert_array_equal(rgb(with_chunks(encode(picture, "PNG"), gama(chunk, gamma))), picture)
    assert png_gamma(0.5) == 0.5


def test_of_several_statements_in_a_png_the_strongest_counts(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks, display_p3: bytes
) -> None:
    plain = encode(picture, "PNG")
    weak = gama(chunk, 1.0) + chrm(chunk, (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046))
    np.testing.assert_array_equal(rgb(with_chunks(plain, weak + chunk(b"sRGB", b"\x00"))), picture)
    iccp = chunk(b"iCCP", b"P3\x00\x00" + zlib.compress(display_p3))
    expected = by_pillow(plain, display_p3)
    assert np.abs(rgb(with_chunks(plain, weak + iccp)) - expected).max() <= 1
    code_points = chunk(b"cICP", bytes((12, 13, 0, 1)))
    broken = chunk(b"iCCP", b"P3\x00\x00" + zlib.compress(of_code_points(9, 8)))
    assert np.abs(rgb(with_chunks(plain, broken + code_points)) - expected).max() <= 1


def test_primaries_in_numbers_are_followed(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks, display_p3: bytes
) -> None:
    plain = encode(picture, "PNG")
    p3 = chrm(chunk, (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060))
    assert np.abs(rgb(with_chunks(plain, p3)) - by_pillow(plain, display_p3)).max() <= 1
    linear = rgb(with_chunks(plain, p3 + gama(chunk, 1.0)))
    theirs = by_pillow(encode(shown(picture, 1.0).astype(np.uint8), "PNG"), display_p3)
    assert np.abs(linear - theirs).max() <= 1
    for same in (SRGB, (0.31, 0.331, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06), (0.0,) * 8, (0.3,) * 8):
        np.testing.assert_array_equal(rgb(with_chunks(plain, chrm(chunk, same))), picture)


def test_display_p3_red_is_redder_than_srgb_can_show_and_its_greys_are_greys(display_p3: bytes) -> None:
    colours = np.array([[[255, 0, 0], [128, 128, 128], [200, 100, 50]]], np.uint8)
    red, grey, skin = to_srgb(colours, display_p3, is_grey=False)[0].tolist()
    assert red == [255, 0, 0]
    assert grey == [128, 128, 128]
    assert skin[0] > 205
    assert skin[2] < 45


def test_code_points_without_meaning_or_of_high_dynamic_range_are_srgb() -> None:
    for primaries, transfer in ((1, 13), (2, 2), (1, 1), (9, 16), (9, 18), (77, 77)):
        assert of_code_points(primaries, transfer) == b""
    assert of_code_points(12, 13) == of_chromaticities((0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060))


def test_code_points_of_an_avif_without_profile_are_followed(
    picture: Pixels, encode: Encode, display_p3: bytes
) -> None:
    data = encode(picture, "AVIF", quality=100, speed=9)
    at = data.index(b"colrnclx") + 8
    points = struct.pack(">HH", 12, 13)
    assert np.abs(rgb(data[:at] + points + data[at + 4 :]) - by_pillow(data, display_p3)).max() <= 1


def test_a_colour_says_nothing_by_default() -> None:
    assert Colour() == Colour(b"", None)
