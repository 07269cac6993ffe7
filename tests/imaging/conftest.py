"""Pictures with structure in every direction, so that a wrong turn or a wrong channel shows."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.imaging.profiles import of_chromaticities, of_code_points

Encode = Callable[..., bytes]
Chunks = Callable[..., bytes]
DISPLAY_P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)


@pytest.fixture(scope="session")
def picture() -> NDArray[np.uint8]:
    """A smooth picture of 120 rows and 168 columns with a different course in each channel."""
    rows, columns = np.mgrid[0:120, 0:168]
    channels = (rows * 2, columns * 255 // 168, 255 - rows - columns // 2)
    return np.stack(channels, axis=2).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Encode pixels or a Pillow image with Pillow."""

    def with_pillow(image: NDArray[Any] | Image.Image, format_: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        picture.save(buffer, format_, **options)
        return buffer.getvalue()

    return with_pillow


@pytest.fixture(scope="session")
def chunk() -> Chunks:
    """Return one chunk of a PNG file."""

    def made(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return made


@pytest.fixture(scope="session")
def with_chunks() -> Chunks:
    """Put chunks into a PNG file, before the pixels or behind them."""

    def made(png: bytes, chunks: bytes, *, behind: bool = False) -> bytes:
        at = len(png) - 12 if behind else 33
        return png[:at] + chunks + png[at:]

    return made


@pytest.fixture(scope="session")
def display_p3() -> bytes:
    """The profile of today's phones."""
    return of_chromaticities(DISPLAY_P3)


@pytest.fixture(scope="session")
def linear_rec2020() -> bytes:
    """A profile far from sRGB in its curve and its primaries."""
    return of_code_points(9, 8)


@pytest.fixture(scope="session")
def grey_profile() -> bytes:
    """A profile of greys whose numbers are amounts of light."""
    curve = b"curv" + bytes(4) + struct.pack(">I", 0)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    table = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 12)
    head = struct.pack(">I4xI12s", 188, 0x02400000, b"mntrGRAYXYZ ") + bytes(12) + b"acsp" + bytes(28)
    return head + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + table + white + curve
