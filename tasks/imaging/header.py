"""What a file's head says before a pixel is decoded: format, size, how it was held, colours, frames."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from tasks.imaging import profiles
from tasks.imaging.colour import Colour, png_gamma
from tasks.imaging.errors import ImageError
from tasks.imaging.formats import format_of, raw, unread
from tasks.imaging.frames import gif_frames
from tasks.imaging.jpeg import JpegError, JpegHeader, read_jpeg_header
from tasks.imaging.orientation import orientation_of
from tasks.imaging.png import PngFacts, read_png
from tasks.imaging.tiff import pages, raw_kind
from tasks.sources.status import Status

Picture = ImageFile.ImageFile

_CLASSES: dict[str, Callable[..., Picture]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}
_JPEG_FRAMES = (0xC0, 0xC1, 0xC2)
_CUT_SHORT = ("truncated", "not enough", "end of file", "incomplete")
_ORIENTATION = 0x0112
_NCLX = b"colrnclx"  # a box of AVIF and HEIF: colours as code points
_BOXES = 1 << 16  # bytes in which that box lies


@dataclass(frozen=True)
class Header:
    """`width` and `height` are those of the upright image; `orientation` is Exif's (1 to 8), of the pixels that the
    decoder gives; `frames`: frames or pages, of which the first is read; `png`: its chunks, without the pixels.
    """

    format: str
    width: int
    height: int
    orientation: int
    frames: int
    colour: Colour
    jpeg: JpegHeader | None = None
    png: PngFacts | None = None


def read_header(data: bytes, *, max_pixels: int) -> Header:
    """Return what the file's head says, nothing decoded; raises ImageError, also for more than `max_pixels`."""
    format_ = format_of(data)
    header = _jpeg_header(data) if format_ == "JPEG" else _pillow_header(data, format_)
    if header.width < 1 or header.height < 1:
        raise ImageError(Status.UNREADABLE, f"{format_} of {header.width} x {header.height} pixels")
    if header.width * header.height > max_pixels:
        size = f"{header.width} x {header.height} pixels"
        raise ImageError(Status.TOO_LARGE, f"{size}, more than the {max_pixels} allowed (crop.max_pixels)")
    return header


def _jpeg_header(data: bytes) -> Header:
    try:
        jpeg = read_jpeg_header(data)
    except JpegError as error:
        raise ImageError(Status.TRUNCATED, f"JPEG {error}") from None
    if jpeg.frame not in _JPEG_FRAMES or jpeg.bits != 8 or jpeg.components not in (1, 3, 4):
        kind = f"frame {jpeg.frame:#x}, {jpeg.bits} bits, {jpeg.components} components"
        raise ImageError(Status.UNSUPPORTED_FORMAT, f"JPEG of a kind that is not read ({kind})")
    width, height = (jpeg.height, jpeg.width) if jpeg.orientation >= 5 else (jpeg.width, jpeg.height)
    return Header("JPEG", width, height, jpeg.orientation, jpeg.frames, Colour(jpeg.icc), jpeg=jpeg)


def _pillow_header(data: bytes, format_: str) -> Header:
    png = read_png(data) if format_ == "PNG" else None
    if format_ == "TIFF":
        kind = raw_kind(data)
        if kind:
            raise raw(kind)
    picture = open_picture(data, format_, png)
    orientation = _orientation(picture, png)
    width, height = picture.size[::-1] if orientation >= 5 else picture.size
    if format_ == "TIFF":
        orientation = 1  # Pillow turns its pixels by itself
    colour = _png_colour(png) if png else _colour(picture, data)
    return Header(format_, width, height, orientation, _frames(picture, data, format_, png), colour, png=png)


def _orientation(picture: Picture, png: PngFacts | None) -> int:
    if png:
        return orientation_of(png.exif, png.xmp)
    if _ORIENTATION in getattr(picture, "tag_v2", ()):
        return 1  # of a TIFF whose own entry says it, Pillow has exchanged the sides already
    return orientation_of(_bytes_of(picture.info.get("exif")), _bytes_of(picture.info.get("xmp")))


def _bytes_of(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _png_colour(png: PngFacts) -> Colour:
    """Return what counts of several statements: cICP, a profile, sRGB, then gAMA and cHRM (PNG, third edition, 4.3)."""
    if png.code_points:
        return Colour(profiles.of_code_points(*png.code_points[:2]))
    if png.icc or png.is_srgb:
        return Colour(png.icc)
    profile = profiles.of_chromaticities(png.chromaticities) if png.chromaticities else b""
    return Colour(profile, png_gamma(png.gamma))


def _colour(picture: Picture, data: bytes) -> Colour:
    profile = _bytes_of(picture.info.get("icc_profile"))
    box = data.find(_NCLX, 0, _BOXES) if not profile and data[4:8] == b"ftyp" else -1
    if box < 0:
        return Colour(profile)
    points = data[box + len(_NCLX) : box + len(_NCLX) + 4]
    return Colour(profiles.of_code_points(int.from_bytes(points[:2], "big"), int.from_bytes(points[2:], "big")))


def _frames(picture: Picture, data: bytes, format_: str, png: PngFacts | None) -> int:
    """Return how many frames or pages there are; Pillow would read each one of a GIF or a TIFF to tell."""
    if png:
        return png.frames
    if format_ == "GIF":
        return gif_frames(data)
    if format_ == "TIFF":
        return sum(1 for _ in pages(data))
    return int(getattr(picture, "n_frames", 1))


def open_picture(data: bytes, format_: str, png: PngFacts | None) -> Picture:
    """Open by the format's own class: `Image.open` would try others and warn about sizes that are bounded here."""
    opener = _class_of(format_)
    try:
        return opener(io.BytesIO(png.content if png else data), "")
    except Exception as error:  # noqa: BLE001 (see failure)
        raise failure(error, format_) from None


@lru_cache(maxsize=16)
def _class_of(format_: str) -> Callable[..., Picture]:
    if format_ == "AVIF":
        if not AvifImagePlugin.SUPPORTED:
            raise unread("AVIF", "this Pillow was built without it: install Pillow's own wheel, or convert it to JPEG")
        return AvifImagePlugin.AvifImageFile
    if format_ == "HEIF":
        try:
            heif: Callable[..., Picture] = importlib.import_module("pillow_heif").HeifImageFile
        except ImportError:
            remedy = "install the extra that reads it (`pip install 'fauxface[heif]'`), or convert it to JPEG"
            raise unread("HEIF (HEIC)", remedy) from None
        return heif
    return _CLASSES[format_]


def failure(error: Exception, format_: str) -> ImageError:
    """Pillow's decoders raise almost anything on damaged files, so whatever comes is this file's status.

    Raises MemoryError again: that says something of this machine as well.
    """
    if isinstance(error, MemoryError):
        raise error
    text = str(error) or type(error).__name__
    cut = isinstance(error, EOFError) or any(word in text.lower() for word in _CUT_SHORT)
    return ImageError(Status.TRUNCATED if cut else Status.UNREADABLE, f"{format_}: {text}")
