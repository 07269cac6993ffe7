"""More than 8 bits become 8 by what a picture holds, in stripes that change nothing and bound the memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.imaging import pixels as room
from tasks.imaging.colour import Colour, srgb_curve
from tasks.imaging.decode import decode
from tasks.imaging.errors import ImageError
from tasks.imaging.pixels import from_pillow
from tasks.sources.status import Status

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]
Chunks = Callable[..., bytes]


def rgb(data: bytes) -> Pixels:
    return decode(data, max_pixels=10**8).pixels


def png16(samples: NDArray[np.uint16], kind: int, *chunks: bytes) -> bytes:
    """Return a PNG file of 16 bits: `kind` 0 grey, 2 RGB, 4 grey and alpha, 6 RGB and alpha."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    height, width = samples.shape[:2]
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in samples)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def ramp(top: int, channels: int) -> NDArray[np.uint16]:
    values = np.linspace(0, top, 64 * 48 * channels).round().astype(np.uint16)
    return values.reshape(channels, 64, 48).transpose(1, 2, 0)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3)])
def test_sixteen_bits_are_scaled_by_what_they_hold(bits: int, kind: int, channels: int) -> None:
    top = 2**bits - 1
    samples = ramp(top, channels)
    expected = np.round(samples * (255 / top))
    assert np.abs(rgb(png16(samples, kind)) - expected).max() <= 1
    dimmer = np.minimum(samples, int(0.6 * top))  # no number uses all bits to the full
    assert np.abs(rgb(png16(dimmer, kind)) - np.minimum(expected, 0.6 * 255)).max() <= 1


@pytest.mark.parametrize("kind", [4, 6])
def test_sixteen_bits_with_transparency(kind: int) -> None:
    colours = ramp(4095, 1 if kind == 4 else 3)
    alpha = np.full((*colours.shape[:2], 1), 65535, np.uint16)
    alpha[:, :10] = 0
    pixels = rgb(png16(np.concatenate([colours, alpha], axis=2), kind))
    assert (pixels[:, :10] == 255).all()
    assert np.abs(pixels[:, 10:] - np.round(colours[:, 10:] * (255 / 4095))).max() <= 1


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3)])
def test_the_transparent_colour_of_sixteen_bits(chunk: Chunks, kind: int, channels: int) -> None:
    samples = ramp(65535, channels)
    key = samples[5, 7]
    pixels = rgb(png16(samples, kind, chunk(b"tRNS", key.astype(">u2").tobytes())))
    assert pixels[5, 7].tolist() == [255, 255, 255]
    assert np.abs(pixels[40:] - np.round(samples[40:] / 257)).max() <= 1


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3)])
def test_gamma_of_sixteen_bits_keeps_the_dark_steps(chunk: Chunks, kind: int, channels: int) -> None:
    samples = np.broadcast_to((np.arange(64 * 48).reshape(64, 48, 1) * 8).astype(np.uint16), (64, 48, channels))
    samples = np.concatenate([samples[:-1], np.full((1, 48, channels), 65535, np.uint16)])
    pixels = rgb(png16(samples, kind, chunk(b"gAMA", struct.pack(">I", 100_000))))
    np.testing.assert_array_equal(pixels, np.broadcast_to(np.round(255 * srgb_curve(samples / 65535)), pixels.shape))
    assert len(np.unique(pixels[:4])) > 40  # from 8 bits there would be 6


def test_a_cut_or_damaged_png_of_sixteen_bits_has_a_status(capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(3).integers(0, 65536, (64, 48, 3), np.uint16)
    data = png16(noise, 2)
    for cut in (len(data) // 3, len(data) // 2, len(data) - 30):
        with pytest.raises(ImageError) as caught:
            rgb(data[:cut])
        assert caught.value.status is Status.TRUNCATED
    middle = len(data) // 2
    with pytest.raises(ImageError) as caught:
        rgb(data[:middle] + bytes(40) + data[middle + 40 :])
    assert caught.value.status is Status.UNREADABLE
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("mode", ["I", "I;16", "F"])
def test_one_channel_of_many_bits_in_tiff(encode: Encode, mode: str) -> None:
    values = np.linspace(0, 4095, 64 * 48).round().reshape(64, 48)
    stored = (
        (values / 4095).astype(np.float32) if mode == "F" else values.astype({"I": np.int32, "I;16": np.uint16}[mode])
    )
    pixels = rgb(encode(Image.fromarray(stored), "TIFF"))
    assert np.abs(pixels - np.round(values * (255 / 4095))[..., None]).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK", "L", "1", "I", "F"])
@pytest.mark.parametrize("reduction", [1, 2, 8])
def test_stripes_change_nothing(picture: Pixels, monkeypatch: pytest.MonkeyPatch, mode: str, reduction: int) -> None:
    alpha = np.arange(picture[..., 0].size, dtype=np.uint8).reshape(picture.shape[:2])
    image = Image.fromarray(np.dstack([picture, alpha]))
    image = image.convert("RGB").convert(mode) if mode not in ("RGBA", "LA") else image.convert(mode)
    whole = from_pillow(image, Colour(gamma=0.6), reduction)
    assert whole.shape == (-(-120 // reduction), 168 // reduction, 3)
    monkeypatch.setattr(room, "_STRIPE", 168 * 5)
    np.testing.assert_array_equal(from_pillow(image, Colour(gamma=0.6), reduction), whole)


MEASURED = """
import sys
from pathlib import Path
from tasks.imaging.decode import decode

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

small, large = (Path(name).read_bytes() for name in sys.argv[1:])
decode(small, max_pixels=10**8)
before = memory("VmRSS")
header = decode(large, max_pixels=10**8).header
print((memory("VmHWM") - before) / (header.width * header.height))
"""


def large_file(kind: str, side: int, encode: Encode) -> bytes:
    grey = np.broadcast_to(np.arange(side, dtype=np.uint8), (side, side))
    image = Image.fromarray(np.ascontiguousarray(grey))
    if kind == "RGBA 16":
        wide = np.ascontiguousarray(np.broadcast_to(grey[..., None].astype(np.uint16) * 257, (side, side, 4)))
        return bytes(cv2.imencode(".png", wide, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())
    if kind == "CMYK":
        return encode(Image.merge("CMYK", [image] * 4), "JPEG")
    if kind == "F":
        return encode(Image.fromarray(grey.astype(np.float32)), "TIFF", compression="tiff_adobe_deflate")
    if kind == "P":
        return encode(image.convert("P"), "PNG", transparency=3, compress_level=1)
    if kind == "WEBP":
        return encode(Image.merge("RGBA", [image] * 4), "WEBP", lossless=True, quality=0, method=0)
    return encode(Image.merge(kind, [image] * len(kind)), "PNG", compress_level=1)


@pytest.mark.parametrize(
    ("kind", "bound"), [("RGBA", 9), ("LA", 9), ("P", 6), ("CMYK", 9), ("F", 10), ("RGBA 16", 17), ("WEBP", 19)]
)
def test_memory_is_a_stated_multiple_of_the_pixels(
    tmp_path: Path, project: Path, encode: Encode, kind: str, bound: float
) -> None:
    """Transparent PNG files took 24 bytes a pixel before; the large picture's size makes what is constant small."""
    paths = [tmp_path / "small", tmp_path / "large"]
    for path, side in zip(paths, (256, 2400), strict=True):
        path.write_bytes(large_file(kind, side, encode))
    command = [sys.executable, "-c", MEASURED, *map(str, paths)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert float(done.stdout) < bound


def test_buffers_of_pillow_are_not_written_to(picture: Pixels) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    image = Image.open(buffer)
    before = np.array(image)
    from_pillow(image, Colour(gamma=1.0))
    np.testing.assert_array_equal(np.array(image), before)
