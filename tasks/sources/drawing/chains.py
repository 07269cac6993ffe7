"""What separates the classes: a camera that takes a photograph, and a generator that imitates one all but perfectly.

Camera: lens blur, colour mosaic, noise that grows with the light (shot noise) on a floor (read noise), demosaicing,
tone curve and sharpening. Generator: it has learned what a camera's pictures look like, noise and sharpness too, and
builds such a picture from a small one, in steps that double it and add detail. Its learned kernels have phases that do
not sum to the same: the checkerboard of Odena et al., "Deconvolution and Checkerboard Artifacts" (Distill, 2016), which
Durall et al., "Watch your Up-Convolution" (CVPR 2020), find in the spectra of real generators. This trace is all that
tells its pictures from photographs; a retoucher leaves it round one part of a face alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.sources.drawing.paint import Planes

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Camera:
    """One model of camera. `shot` and `read` are the noise's variance per unit of light and its floor's deviation."""

    blur: float
    shot: float
    read: float
    sharpen: float
    demosaic: Literal["linear", "edge"]


@dataclass(frozen=True)
class Generator:
    """One model of generator, and how unequal the phases of its kernels are in each of the steps that enlarge."""

    kind: Literal["transposed", "subpixel"]
    imbalance: tuple[float, ...]


@dataclass(frozen=True)
class Area:
    """A round part of a picture: its middle and its radius in pixels."""

    x: float
    y: float
    radius: float


def photograph(light: Planes, height: int, width: int, camera: Camera, rng: np.random.Generator) -> Picture:
    """Return the photograph (height, width, 3) RGB of a larger picture in linear light (3, h, w)."""
    blurred = [cv2.GaussianBlur(plane, (0, 0), camera.blur * light.shape[2] / width) for plane in light]
    sensor = np.stack([cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in blurred])
    raw = _mosaic(sensor * _vignette(height, width))
    raw += rng.standard_normal(raw.shape, np.float32) * np.sqrt(camera.shot * np.maximum(raw, 0) + camera.read**2)
    code = {"linear": cv2.COLOR_BayerRGGB2RGB, "edge": cv2.COLOR_BayerRGGB2RGB_EA}[camera.demosaic]
    # Head-room for highlights, and a black level so that noise is not cut off below.
    digital = np.clip((raw + 0.05) * 40_000, 0, 65_535).astype(np.uint16)
    developed = cv2.cvtColor(digital, code).astype(np.float32) / 40_000 - 0.05
    return _to_bytes(_sharpen(_tone(developed), camera.sharpen))


def generate(photograph: Picture, generator: Generator, area: Area | None = None) -> Picture:
    """Return what a generator makes (height, width, 3) RGB where a camera takes this photograph.

    With an area it makes that part of the picture alone; the rest stays the photograph.
    """
    target = photograph.astype(np.float32) / np.float32(255)
    steps = list(enumerate(generator.imbalance))
    picture = aim = _shrink(target, 2 ** len(steps))
    for step, imbalance in steps:
        coarse, aim = aim, _shrink(target, 2 ** (len(steps) - 1 - step))
        high, wide = aim.shape[:2]
        detail = aim - _enlarge(coarse, generator.kind, 0.0)[:high, :wide]
        picture = _enlarge(picture, generator.kind, imbalance)[:high, :wide] + detail
    if area is not None:
        inside = _spot(area, *target.shape[:2])[..., None]
        picture = (target + (picture - target) * inside).astype(np.float32)
    return _to_bytes(picture)


def encode_jpeg(picture: Picture, quality: int) -> bytes:
    """Return the picture (height, width, 3) RGB as a JPEG file."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def _spot(area: Area, height: int, width: int) -> NDArray[np.float32]:
    """Return 1 inside the area and 0 outside (height, width), with a soft edge."""
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    distance = np.sqrt((x - area.x) ** 2 + (y - area.y) ** 2) / area.radius
    return np.asarray(np.clip((1.15 - distance) / 0.3, 0, 1), np.float32)


def _mosaic(light: Planes) -> NDArray[np.float32]:
    raw: NDArray[np.float32] = light[1].copy()
    raw[0::2, 0::2] = light[0][0::2, 0::2]
    raw[1::2, 1::2] = light[2][1::2, 1::2]
    return raw


def _vignette(height: int, width: int) -> NDArray[np.float32]:
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    return np.asarray(1 - 0.06 * (x**2 + y**2), np.float32)


def _tone(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return linear light as sRGB-like values, with a shoulder that keeps highlights below 1."""
    value = np.clip(light, 0, None)
    return np.asarray((value / (1 + value**3 * 0.5) ** np.float32(1 / 3)) ** np.float32(1 / 2.2), np.float32)


def _sharpen(picture: NDArray[np.float32], amount: float) -> NDArray[np.float32]:
    return picture + amount * (picture - cv2.GaussianBlur(picture, (0, 0), 1.0))


def _shrink(picture: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    if factor == 1:
        return picture
    height, width = picture.shape[:2]
    size = (-(-width // factor), -(-height // factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _enlarge(picture: NDArray[np.float32], kind: str, imbalance: float) -> NDArray[np.float32]:
    """Double height and width as the generator's layers do."""
    padded = cv2.copyMakeBorder(picture, 2, 2, 2, 2, cv2.BORDER_REPLICATE)
    height, width = padded.shape[:2]
    if kind == "subpixel":
        large = cv2.blur(np.repeat(np.repeat(padded, 2, 0), 2, 1), (3, 3))
        # Four channels make the four phases of a pixel; nothing ties their gains together.
        gain = 1 + imbalance * np.array([[1, -0.6], [0.5, -0.9]], np.float32)
        return np.asarray((large * np.tile(gain, (height, width))[..., None])[4:-4, 4:-4])
    large = np.zeros((2 * height, 2 * width, 3), np.float32)
    large[::2, ::2] = padded
    # A doubling transposed convolution of four taps: each phase has two, and they should sum to one.
    taps = np.array([0.25, 0.75, 0.75, 0.25]) + imbalance * np.array([0.5, -0.5, 0.5, -0.5])
    return np.asarray(cv2.sepFilter2D(large, -1, taps, taps, anchor=(2, 2))[4:-4, 4:-4])


def _to_bytes(picture: NDArray[np.float32]) -> Picture:
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
