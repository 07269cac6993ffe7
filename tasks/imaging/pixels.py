"""From a picture that Pillow or OpenCV decoded to sRGB pixels of 8 bits, a stripe at a time.

What a decoder holds (at most 4 bytes a pixel in Pillow, 8 of a PNG with 16 bits in OpenCV) and the result (3 bytes a
pixel, fewer when reduced) are all that grows with the picture: every step between them works on a stripe.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.imaging.colour import Colour, srgb_curve, table_to_srgb, to_srgb, transform_for

Pixels = NDArray[np.uint8]

_STRIPE = 1 << 17  # pixels
_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")
_GREY = ("1", "L", "LA", "La")
# Sensors give 10, 12 or 14 bits, which some programs store in 16 without scaling them.
_TOPS = (255, 1023, 4095, 16383, 65535)


def in_stripes(height: int, width: int, reduction: int, part: Callable[[int, int], Pixels]) -> Pixels:
    """Return the pixels of which `part(top, bottom)` gives rows, `reduction` times smaller, sizes rounded up."""
    small = tuple(-(-side // reduction) for side in (height, width))
    pixels = np.empty((*small, 3), np.uint8)
    rows = max(1, _STRIPE // (width * reduction)) * reduction
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        pixels[top // reduction : -(-bottom // reduction)] = shrink(part(top, bottom), reduction)
    return pixels


def shrink(pixels: Pixels, reduction: int) -> Pixels:
    """Return the average of each `reduction` x `reduction` of `pixels` (height, width, 3); sizes are rounded up."""
    if reduction == 1:
        return pixels
    height, width = (-(-side // reduction) for side in pixels.shape[:2])
    bottom, right = height * reduction - pixels.shape[0], width * reduction - pixels.shape[1]
    if bottom or right:
        pixels = cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def from_pillow(picture: Image.Image, colour: Colour, reduction: int = 1) -> Pixels:
    """Return sRGB pixels of a picture that is loaded, transparency laid on white."""
    stripe = _numbers(picture, colour) if _holds_numbers(picture) else _colours(colour)
    width, height = picture.size

    def part(top: int, bottom: int) -> Pixels:
        return stripe(picture.crop((0, top, width, bottom)))

    return in_stripes(height, width, reduction, part)


def _holds_numbers(picture: Image.Image) -> bool:
    return picture.mode == "F" or picture.mode.startswith("I")


def _colours(colour: Colour) -> Callable[[Image.Image], Pixels]:
    table = None if colour.gamma is None else table_to_srgb(colour.gamma)

    def converted(rgb: Pixels, is_grey: bool) -> Pixels:
        rgb = rgb if table is None else table[rgb]
        return to_srgb(rgb, colour.profile, is_grey)

    def stripe(part: Image.Image) -> Pixels:
        is_grey = part.mode in _GREY
        if part.mode in _ALPHA or "transparency" in part.info:
            part = part.convert("LA") if part.mode == "La" else part
            rgba = np.array(part.convert("RGBA"))
            return _on_white(converted(np.ascontiguousarray(rgba[..., :3]), is_grey), rgba[..., 3])
        if part.mode == "CMYK":
            transform = transform_for(colour.profile, "CMYK")
            return np.array(part.convert("RGB") if transform is None else transform(part))
        return converted(np.array(part.convert("RGB")), is_grey)

    return stripe


def _on_white(rgb: Pixels, alpha: NDArray[np.uint8]) -> Pixels:
    """Lay pixels (height, width, 3) on white by `alpha` (height, width)."""
    if (alpha == 255).all():
        return rgb
    rgba = Image.fromarray(np.dstack([rgb, alpha]))
    white = Image.new("RGBA", rgba.size, "white")
    return np.array(Image.alpha_composite(white, rgba).convert("RGB"))


def _numbers(picture: Image.Image, colour: Colour) -> Callable[[Image.Image], Pixels]:
    """Return how stripes of one channel of 16 or 32 bits, or of fractions, become grey."""
    key = picture.info.get("transparency")
    to_bytes = _to_bytes(picture, colour)

    def stripe(part: Image.Image) -> Pixels:
        values = np.asarray(part)
        grey = to_bytes(values)
        if isinstance(key, int):
            grey[values == key] = 255
        return to_srgb(np.repeat(grey[..., None], 3, axis=2), colour.profile, is_grey=True)

    return stripe


def _to_bytes(picture: Image.Image, colour: Colour) -> Callable[[NDArray[Any]], Pixels]:
    """Return the way to 0..255 by what the picture holds: fractions, 8, 10, 12, 14 or 16 bits, or more."""
    largest, fractions = _held(picture)
    top = 1.0 if largest <= 1 and fractions else top_of(largest)

    def to_bytes(values: NDArray[Any]) -> Pixels:
        if values.dtype.itemsize == 2 and values.dtype.kind == "u":
            return np.take(table_to_srgb(colour.gamma, 65536, int(top)), values)
        shares = np.clip(np.nan_to_num(values.astype(np.float64)) / top, 0, 1)
        shares = shares if colour.gamma is None else srgb_curve(shares ** (1 / colour.gamma))
        return np.round(255 * shares).astype(np.uint8)

    return to_bytes


def _held(picture: Image.Image) -> tuple[float, bool]:
    """Return the largest number of a picture of one channel, and whether any is a fraction."""
    width, height = picture.size
    rows = max(1, _STRIPE // width)
    largest, fractions = 0.0, False
    for top in range(0, height, rows):
        values = np.nan_to_num(np.asarray(picture.crop((0, top, width, min(height, top + rows)))))
        largest = max(largest, float(values.max()))
        fractions = fractions or (values.dtype.kind == "f" and bool((values % 1).any()))
    return largest, fractions


def top_of(largest: float) -> float:
    """Return the number that stands for white if `largest` is the largest one: all ones in 8, 10, 12, 14 or 16 bits."""
    return float(next((top for top in _TOPS if largest <= top), largest))


def from_sixteen_bits(samples: NDArray[np.uint16], is_grey: bool, colour: Colour, key: int | None) -> Pixels:
    """Return sRGB pixels of OpenCV's samples (height, width[, 3 or 4: blue, green, red, alpha]), transparency on white.

    `key` is the grey that is transparent; that of a picture in colour OpenCV makes alpha of.
    """
    samples = samples.reshape(*samples.shape[:2], -1)
    height, width, channels = samples.shape
    coloured = samples[..., :1] if is_grey else samples[..., 2::-1]
    table = table_to_srgb(colour.gamma, 65536, int(top_of(int(coloured.max()))))

    def part(top: int, bottom: int) -> Pixels:
        rgb = table[coloured[top:bottom]]
        rgb = to_srgb(np.repeat(rgb, 3, axis=2) if is_grey else rgb, colour.profile, is_grey)
        if key is not None:
            rgb[coloured[top:bottom, :, 0] == key] = 255
        if channels == 4:
            rgb = _on_white(rgb, (samples[top:bottom, :, 3] >> 8).astype(np.uint8))
        return rgb

    return in_stripes(height, width, 1, part)
