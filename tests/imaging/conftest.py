"""Pictures with structure in every direction, so that a wrong turn or a wrong channel shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Encode = Callable[..., bytes]


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
