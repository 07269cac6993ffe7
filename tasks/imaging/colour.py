"""Whatever colours a file's numbers stand for, pixels become sRGB: what the networks were trained on and screens show.

An ICC profile is followed by LittleCMS (Pillow's ImageCms) with the perceptual intent; PNG's gAMA by a table. What is
sRGB already, by its profile or for want of one, is left alone and costs nothing. A profile that is broken, or that
belongs to pixels of another kind (a profile of inks for RGB), is ignored: so do browsers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]
Transform = Callable[[Image.Image], Image.Image]

_SPACES = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}
_LARGEST = 1 << 24  # bytes of a profile that is followed
_LARGEST_KEPT = 1 << 20  # of one whose transform is kept for the next picture
_SAME = 2  # levels by which a profile may differ from sRGB and is taken for it
_SAMPLES = (0, 1, 2, 5, 16, 48, 96, 128, 160, 208, 240, 255)
_USUAL_GAMMA = 1 / 2.2  # stands for sRGB's curve in PNG files
_CLOSE_GAMMA = 0.05  # libpng's threshold
_STRIPE = 1 << 17  # pixels converted at a time
_building = threading.Lock()


@dataclass(frozen=True)
class Colour:
    """What a file says about its colours; by default nothing, which is sRGB.

    `profile`: an ICC profile, empty for none; `gamma`: the power by which light became the file's numbers, if that has
    to be undone before the profile is followed.
    """

    profile: bytes = b""
    gamma: float | None = None


def png_gamma(gamma: float | None) -> float | None:
    """Return the power of gAMA, or None where it is senseless or so near the usual one that sRGB's curve is meant."""
    if gamma is None or not 0.01 <= gamma <= 10 or abs(gamma / _USUAL_GAMMA - 1) <= _CLOSE_GAMMA:
        return None
    return gamma


@lru_cache(maxsize=32)
def table_to_srgb(gamma: float | None, levels: int = 256, top: int = 255) -> Pixels:
    """Return the table from a file's `levels` numbers, of which `top` is white, to sRGB's 256."""
    values = np.clip(np.arange(levels) / top, 0, 1)
    return np.round(255 * (values if gamma is None else srgb_curve(values ** (1 / gamma)))).astype(np.uint8)


def srgb_curve(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sRGB's numbers (0 to 1) of amounts of light (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def transform_for(profile: bytes, mode: str) -> Transform | None:
    """Return what makes an sRGB picture of one of `mode` (RGB, L, CMYK); None where there is nothing to do."""
    if profile[16:20] != _SPACES[mode] or len(profile) > _LARGEST:
        return None
    return _built(profile, mode) if len(profile) > _LARGEST_KEPT else _kept(profile, mode)


@lru_cache(maxsize=32)
def _kept(profile: bytes, mode: str) -> Transform | None:
    return _built(profile, mode)


def _built(profile: bytes, mode: str) -> Transform | None:
    try:
        with _building:
            source = ImageCms.getOpenProfile(_Bytes(profile))
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if mode == "RGB" and _changes_little(transform) else transform.apply


class _Bytes:
    """A profile as the file that Pillow wants to read."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, _: int = -1) -> bytes:
        """Return the whole profile."""
        return self._content


def _changes_little(transform: ImageCms.ImageCmsTransform) -> bool:
    grid = np.stack(np.meshgrid(_SAMPLES, _SAMPLES, _SAMPLES), axis=-1).reshape(len(_SAMPLES), -1, 3).astype(np.uint8)
    return int(np.abs(np.asarray(transform.apply(Image.fromarray(grid))).astype(int) - grid).max()) <= _SAME


def to_srgb(pixels: Pixels, profile: bytes, is_grey: bool) -> Pixels:
    """Return sRGB pixels (height, width, 3) of RGB ones, converted in place; of grey ones the three are equal.

    A grey picture may carry a profile of greys or, as what was once in colour, of RGB.
    """
    mode = "L" if is_grey and profile[16:20] == _SPACES["L"] else "RGB"
    transform = transform_for(profile, mode)
    if transform is None:
        return pixels
    rows = max(1, _STRIPE // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        part = pixels[top : top + rows]
        source = np.ascontiguousarray(part[..., 0]) if mode == "L" else part
        part[:] = np.asarray(transform(Image.fromarray(source)))
    return pixels
