"""Bytes to upright sRGB pixels, with every bound checked on the header before a pixel is decoded.

Threats and what meets them: a small file that unfolds into gigabytes (the header's size is compared with `max_pixels`
first, texts and profiles are unfolded to a bound, see `png`); a decoder with a hole (only the formats that `formats`
lists are opened, by their own class, never by guessing through all of Pillow's); a file that ends early (see
`_decode_jpeg`: never a picture half grey); trailing data (ignored).

Colours become sRGB (see `colour`); transparency is laid on white; of an animation or several pages only the first is
read; more than 8 bits become 8 by what the picture holds (see `pixels`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.colour import to_srgb
from tasks.imaging.errors import ImageError
from tasks.imaging.header import Header, failure, open_picture, read_header
from tasks.imaging.jpeg import JpegHeader, all_scans_there
from tasks.imaging.orientation import upright
from tasks.imaging.pixels import from_pillow, from_sixteen_bits, shrink
from tasks.imaging.png import PngFacts
from tasks.sources.status import Status

__all__ = [
    "REDUCTIONS",
    "Decoded",
    "Header",
    "ImageError",
    "decode",
    "decode_pixels",
    "read_header",
    "reduces",
    "shrink",
]

Pixels = NDArray[np.uint8]

REDUCTIONS = (1, 2, 4, 8)  # what libjpeg can leave out while it decodes
STRONGEST = REDUCTIONS[-1]

_END = b"\xff\xd9"
_PAD = bytes(8)
# Two ways to go on behind the last byte: a picture that needs none of it comes out equal.
_FILLS = (_PAD, b"\x55" * len(_PAD))


@dataclass(frozen=True)
class Decoded:
    """`pixels` (height, width, 3) uint8 RGB upright, `reduction` times smaller than the file's `header` says."""

    pixels: Pixels
    header: Header
    reduction: int


def decode(data: bytes, *, max_pixels: int, reduction_for: Callable[[int, int], int] = lambda *_: 1) -> Decoded:
    """Decode a file; `reduction_for(width, height)` of the upright image says how many times smaller it may be.

    Raises ImageError.
    """
    header = read_header(data, max_pixels=max_pixels)
    reduction = reduction_for(header.width, header.height)
    return Decoded(decode_pixels(data, header, reduction), header, reduction)


def decode_pixels(data: bytes, header: Header, reduction: int = 1) -> Pixels:
    """Return upright RGB pixels (height, width, 3), each the average of `reduction` x `reduction` of the file's.

    `reduction` is a power of two. A pixel (x, y) of the result covers the file's pixels from (x, y) * reduction on;
    sizes are rounded up. Raises ImageError.
    """
    if header.jpeg is not None and reduces(header):
        scale = min(reduction, STRONGEST)
        decoded = to_srgb(_decode_jpeg(data, header.jpeg, scale), header.colour.profile, header.jpeg.components == 1)
        pixels = shrink(decoded, reduction // scale)
    elif header.png is not None and header.png.bits == 16:
        pixels = shrink(_decode_wide_png(header, header.png), reduction)
    else:
        pixels = _decode_with_pillow(data, header, reduction)
    pixels = upright(pixels, header.orientation)
    if pixels.shape[:2] != (-(-header.height // reduction), -(-header.width // reduction)):
        raise ImageError(Status.UNREADABLE, f"{header.format} whose picture has another size than its head says")
    return pixels


def reduces(header: Header) -> bool:
    """Return whether the file's decoder leaves pixels out by itself: not decoding them costs less than averaging."""
    return header.jpeg is not None and header.jpeg.components in (1, 3)


def _decode_jpeg(data: bytes, jpeg: JpegHeader, reduction: int) -> Pixels:
    """Decode with OpenCV's libjpeg, at a scale of its DCT.

    Of a picture that ends early libjpeg makes up the rest in grey as soon as it sees the end marker, and only prints a
    warning. So the marker is taken away: a complete picture never looks at what comes behind it (a few zeros, since
    the decoder reads ahead by bytes), a cut one runs out of bytes and fails. Progressive files are read to their end
    marker in any case, so of these only the missing marker can be told. A file that lacks this marker and nothing else
    is read (old cameras and cut uploads leave it out).
    """
    start = jpeg.start
    if jpeg.strays:
        data = jpeg.without_strays(data)
        start -= sum(end - first for first, end in jpeg.strays)
    end = data.find(_END, start)
    one_scan = jpeg.frame != 0xC2 and jpeg.scan_components == jpeg.components
    if end < 0:
        content = data.rstrip(b"\xff")  # half of the end marker
        closing = b"" if one_scan else _END
        if not (one_scan or all_scans_there(data, jpeg)) or not _is_whole(content, closing):
            raise ImageError(Status.TRUNCATED, "JPEG without an end, whose picture ends early")
        return _libjpeg(content + _PAD + closing, reduction)
    return _libjpeg(data[:end] + _PAD if one_scan else data, reduction)


def _is_whole(data: bytes, closing: bytes) -> bool:
    """Return whether a picture without an end marker lacks nothing else: it does not depend on what would follow."""
    first, second = (_libjpeg(data + fill + closing, 1) for fill in _FILLS)
    return np.array_equal(first, second)


def _libjpeg(content: bytes, reduction: int) -> Pixels:
    flags = _REDUCED[reduction] | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise _opencv_failure(error, "JPEG") from None
    if pixels is None:
        raise ImageError(Status.TRUNCATED, "JPEG whose picture ends early")
    return pixels.astype(np.uint8, copy=False)


def _opencv_failure(error: cv2.error, format_: str) -> Exception:
    if error.code == cv2.Error.STS_NO_MEM:
        return MemoryError(error.err)
    return ImageError(Status.UNREADABLE, f"{format_}: {error.err}")


# OpenCV takes the reduction from the grey flag and the colours from IMREAD_COLOR_RGB.
_REDUCED = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def _decode_with_pillow(data: bytes, header: Header, reduction: int) -> Pixels:
    picture = open_picture(data, header.format, header.png)
    try:
        picture.load()
        return from_pillow(picture, header.colour, reduction)
    except Exception as error:  # noqa: BLE001 (see failure)
        raise failure(error, header.format) from None


def _decode_wide_png(header: Header, png: PngFacts) -> Pixels:
    """Decode a PNG of 16 bits with OpenCV, since Pillow keeps but 8 of a picture in colour."""
    png.check_pixels()
    try:
        samples = cv2.imdecode(np.frombuffer(png.content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise _opencv_failure(error, "PNG") from None
    if samples is None or samples.dtype != np.uint16:
        raise ImageError(Status.UNREADABLE, "PNG whose picture cannot be decoded")
    return from_sixteen_bits(samples.astype(np.uint16, copy=False), png.is_grey, header.colour, png.key)
