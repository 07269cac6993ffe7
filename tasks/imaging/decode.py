"""Bytes to upright RGB pixels, with every bound checked on the header before a pixel is decoded.

Threats and what meets them: a small file that unfolds into gigabytes (the header's size is compared with `max_pixels`
first); a decoder with a hole (only the formats in FORMATS are opened, by their own class, never by guessing through
all of Pillow's); a file that ends early (see `_decode_jpeg`: never a picture half grey); trailing data (ignored).

Transparency is laid on white; of an animation only the first frame is read; 16 bits become 8 by their upper half.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from tasks.imaging.jpeg import MAGIC as JPEG_MAGIC
from tasks.imaging.jpeg import JpegError, JpegHeader, exif_orientation, read_jpeg_header
from tasks.sources.status import Status

Pixels = NDArray[np.uint8]

REDUCTIONS = (1, 2, 4, 8)  # what libjpeg can leave out while it decodes
STRONGEST = REDUCTIONS[-1]

# Each format by the bytes it starts with; WebP's name stands behind RIFF and a length.
FORMATS: dict[str, tuple[tuple[bytes, ...], Callable[..., ImageFile.ImageFile]]] = {
    "JPEG": ((JPEG_MAGIC,), JpegImagePlugin.JpegImageFile),
    "PNG": ((b"\x89PNG\r\n\x1a\n",), PngImagePlugin.PngImageFile),
    "GIF": ((b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile),
    "WEBP": ((b"RIFF",), WebPImagePlugin.WebPImageFile),
    "BMP": ((b"BM",), BmpImagePlugin.BmpImageFile),
    "TIFF": ((b"II*\x00", b"MM\x00*"), TiffImagePlugin.TiffImageFile),
    "PPM": ((b"P5", b"P6"), PpmImagePlugin.PpmImageFile),
}
# Images all the same, but not read: said so, rather than "not an image".
OTHERS = {
    "HEIF or AVIF": (4, b"ftyp"),
    "JPEG 2000": (0, b"\x00\x00\x00\x0cjP  "),
    "JPEG XL": (0, b"\xff\x0a"),
    "Photoshop": (0, b"8BPS"),
    "icon": (0, b"\x00\x00\x01\x00"),
    "BigTIFF": (0, b"II+\x00"),
}
_JPEG_FRAMES = (0xC0, 0xC1, 0xC2)
_CUT_SHORT = ("truncated", "not enough", "end of file")
_END = b"\xff\xd9"
_PAD = bytes(8)


class ImageError(Exception):
    """A file without usable pixels: `status` for the row, `message` for its error column."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Header:
    """`width` and `height` are those of the upright image; `orientation` is Exif's (1 to 8)."""

    format: str
    width: int
    height: int
    orientation: int
    jpeg: JpegHeader | None


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


def read_header(data: bytes, *, max_pixels: int) -> Header:
    """Return what the file's head says, nothing decoded; raises ImageError, also for more than `max_pixels`."""
    format_ = _format(data)
    header = _jpeg_header(data) if format_ == "JPEG" else _pillow_header(data, format_)
    if header.width < 1 or header.height < 1:
        raise ImageError(Status.UNREADABLE, f"{format_} of {header.width} x {header.height} pixels")
    if header.width * header.height > max_pixels:
        size = f"{header.width} x {header.height} pixels"
        raise ImageError(Status.TOO_LARGE, f"{size}, more than the {max_pixels} allowed (crop.max_pixels)")
    return header


def decode_pixels(data: bytes, header: Header, reduction: int = 1) -> Pixels:
    """Return upright RGB pixels (height, width, 3), each the average of `reduction` x `reduction` of the file's.

    `reduction` is a power of two. A pixel (x, y) of the result covers the file's pixels from (x, y) * reduction on;
    sizes are rounded up. Raises ImageError.
    """
    if header.jpeg is not None and reduces(header):
        scale = min(reduction, STRONGEST)
        pixels = shrink(_decode_jpeg(data, header.jpeg, scale), reduction // scale)
    else:
        pixels = shrink(_decode_with_pillow(data, header.format), reduction)
    return _upright(pixels, header.orientation)


def reduces(header: Header) -> bool:
    """Return whether the file's decoder leaves pixels out by itself: not decoding them costs less than averaging."""
    return header.jpeg is not None and header.jpeg.components in (1, 3)


def _format(data: bytes) -> str:
    if not data:
        raise ImageError(Status.EMPTY_FILE, "the file is empty")
    for name, (starts, _) in FORMATS.items():
        if data.startswith(starts) and (name != "WEBP" or data[8:12] == b"WEBP"):
            return name
    for name, (at, magic) in OTHERS.items():
        if data[at : at + len(magic)] == magic:
            raise ImageError(Status.UNSUPPORTED_FORMAT, f"{name} is not read; formats read: {', '.join(FORMATS)}")
    raise ImageError(Status.NOT_AN_IMAGE, f"starts like no image that is read ({', '.join(FORMATS)})")


def _jpeg_header(data: bytes) -> Header:
    try:
        jpeg = read_jpeg_header(data)
    except JpegError as error:
        raise ImageError(Status.TRUNCATED, f"JPEG {error}") from None
    if jpeg.frame not in _JPEG_FRAMES or jpeg.bits != 8 or jpeg.components not in (1, 3, 4):
        kind = f"frame {jpeg.frame:#x}, {jpeg.bits} bits, {jpeg.components} components"
        raise ImageError(Status.UNSUPPORTED_FORMAT, f"JPEG of a kind that is not read ({kind})")
    turned = jpeg.orientation >= 5
    width, height = (jpeg.height, jpeg.width) if turned else (jpeg.width, jpeg.height)
    return Header("JPEG", width, height, jpeg.orientation, jpeg)


def _decode_jpeg(data: bytes, jpeg: JpegHeader, reduction: int) -> Pixels:
    """Decode with OpenCV's libjpeg, at a scale of its DCT.

    Of a picture that ends early libjpeg makes up the rest in grey as soon as it sees the end marker, and only prints a
    warning. So the marker is taken away: a complete picture never looks at what comes behind it (a few zeros, since
    the decoder reads ahead by bytes), a cut one runs out of bytes and fails. Progressive files are read to their end
    marker in any case, so of these only the missing marker can be told.
    """
    end = data.find(_END, jpeg.start)
    if end < 0:
        raise ImageError(Status.TRUNCATED, "JPEG without an end")
    one_scan = jpeg.frame != 0xC2 and jpeg.scan_components == jpeg.components
    content = data[:end] + _PAD if one_scan else data
    flags = _REDUCED[reduction] | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise ImageError(Status.UNREADABLE, f"JPEG: {error.err}") from None
    if pixels is None:
        raise ImageError(Status.TRUNCATED, "JPEG whose picture ends early")
    return pixels.astype(np.uint8, copy=False)


# OpenCV takes the reduction from the grey flag and the colours from IMREAD_COLOR_RGB.
_REDUCED = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def _pillow_header(data: bytes, format_: str) -> Header:
    picture = _open(data, format_)
    orientation = exif_orientation(bytes(picture.info.get("exif", b"")).removeprefix(b"Exif\x00\x00"))
    # Pillow turns a TIFF upright by itself.
    orientation = 1 if format_ == "TIFF" else orientation
    width, height = picture.size[::-1] if orientation >= 5 else picture.size
    return Header(format_, width, height, orientation, None)


def _open(data: bytes, format_: str) -> ImageFile.ImageFile:
    """Open by the format's own class: `Image.open` would try others and warn about sizes that are bounded here."""
    try:
        return FORMATS[format_][1](io.BytesIO(data), "")
    except Exception as error:  # noqa: BLE001 (see _failure)
        raise _failure(error, format_) from None


def _decode_with_pillow(data: bytes, format_: str) -> Pixels:
    picture = _open(data, format_)
    try:
        picture.load()
        return _to_rgb(picture)
    except Exception as error:  # noqa: BLE001 (see _failure)
        raise _failure(error, format_) from None


def _failure(error: Exception, format_: str) -> ImageError:
    """Pillow's decoders raise almost anything on damaged files, so whatever comes is this file's status."""
    text = str(error) or type(error).__name__
    cut = isinstance(error, EOFError) or any(word in text.lower() for word in _CUT_SHORT)
    return ImageError(Status.TRUNCATED if cut else Status.UNREADABLE, f"{format_}: {text}")


def _to_rgb(picture: Image.Image) -> Pixels:
    if picture.mode == "F" or picture.mode.startswith("I"):
        return np.repeat(_to_bytes(np.asarray(picture))[..., None], 3, axis=2)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return np.array(picture.convert("RGB"))


def _to_bytes(values: NDArray[Any]) -> Pixels:
    """Bring one channel of 16 or 32 bits, or of fractions, to 0..255 by the range that its largest value points to."""
    values = np.nan_to_num(values.astype(np.float64))
    largest = values.max()
    is_fraction = largest <= 1 and bool((values % 1).any())
    top = 1.0 if is_fraction else 255.0 if largest <= 255 else max(largest, 65535.0)
    return np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)


def shrink(pixels: Pixels, reduction: int) -> Pixels:
    """Return the average of each `reduction` x `reduction` of `pixels` (height, width, 3); sizes are rounded up."""
    if reduction == 1:
        return pixels
    height, width = (-(-side // reduction) for side in pixels.shape[:2])
    bottom, right = height * reduction - pixels.shape[0], width * reduction - pixels.shape[1]
    if bottom or right:
        pixels = cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo what Exif's orientation says about how the camera was held."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
