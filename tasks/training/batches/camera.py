"""What becomes of a face picture between the camera and the web, as one transform for recipes: `Camera`.

Every step is one that photographs and generated pictures alike go through: framed anew, in other light, reduced and
enlarged, blurred, sharpened, made noisy, saved as JPEG or WebP (twice as well), photographed from a screen, partly
covered. A network that sees every face so cannot tell the classes by who saved the file.
"""

# ruff: noqa: ARG002 (albumentations passes its parameters by name)

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import albumentations
import cv2
import numpy as np
from albumentations.core.transforms_interface import BaseTransformInitSchema
from numpy.typing import NDArray

from tasks.imaging.encode import encoded_again

Pixels = NDArray[Any]  # (side, side, 3) uint8 RGB; OpenCV does not say that it keeps the type
Random = np.random.Generator

REDUCING = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST)
ENLARGING = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
SMALLEST = 0.25  # of the side: what a picture is reduced to at most
DAMAGED = (0.5, 0.35, 0.15)  # how likely no damage is, one, and two one after the other


def framed(image: Pixels, random: Random) -> Pixels:
    """Return the picture mirrored or not, and in most cases nearer, farther, shifted and turned a little."""
    if random.random() < 0.5:
        image = cv2.flip(image, 1)
    if random.random() < 0.5:
        return image
    side = image.shape[0]
    degrees = random.uniform(-8, 8) if random.random() < 0.3 else 0.0
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, float(np.exp(random.uniform(-0.1, 0.25))))
    matrix[:, 2] += random.uniform(-0.06, 0.06, 2) * side
    flags = ENLARGING[random.integers(len(ENLARGING))]
    return cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def lit(image: Pixels, random: Random) -> Pixels:
    """Return the picture brighter or darker, with another contrast, gamma, white balance and saturation, or in grey."""
    if random.random() < 0.12:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if random.random() < 0.3:
        return image
    levels = np.arange(256, dtype=np.float32) / 255
    curve = levels ** np.exp(random.uniform(-0.35, 0.35))
    curve = (curve - 0.5) * random.uniform(0.7, 1.3) + 0.5 + random.uniform(-0.12, 0.12)
    table = curve[:, None] * np.exp(random.uniform(-0.06, 0.06, 3))
    image = cv2.LUT(image, np.clip(table * 255 + 0.5, 0, 255).astype(np.uint8).reshape(1, 256, 3))
    if random.random() < 0.5:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        colour = random.uniform(0.4, 1.5)
        image = cv2.addWeighted(image, colour, grey, 1 - colour, 0)
    return image


def resampled(image: Pixels, random: Random) -> Pixels:
    """Return the picture after a reduction, each ratio as likely as its reciprocal's double, and an enlargement."""
    side = image.shape[0]
    smaller = max(round(side * math.exp(random.uniform(math.log(SMALLEST), 0))), 8)
    reduced = cv2.resize(image, (smaller, smaller), interpolation=REDUCING[random.integers(len(REDUCING))])
    if random.random() < 0.5:
        reduced = encoded(reduced, random)
    return cv2.resize(reduced, (side, side), interpolation=ENLARGING[random.integers(len(ENLARGING))])


def blurred(image: Pixels, random: Random) -> Pixels:
    """Return the picture out of focus, smoothed with its edges kept, or moved during the exposure."""
    kind = random.integers(4)
    if kind == 0:
        return cv2.bilateralFilter(image, 5, random.uniform(10, 50), 3)
    if kind == 1:
        kernel = np.zeros((7, 7), np.float32)
        angle, reach = random.uniform(0, math.pi), random.uniform(1, 3)
        for step in np.linspace(-reach, reach, 13):
            kernel[round(3 + step * math.sin(angle)), round(3 + step * math.cos(angle))] = 1
        return cv2.filter2D(image, -1, kernel / kernel.sum())
    return cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 2.0))


def sharpened(image: Pixels, random: Random) -> Pixels:
    """Return the picture with the difference from its blurred self added to it."""
    amount = random.uniform(0.3, 1.5)
    soft = cv2.GaussianBlur(image, (0, 0), random.uniform(0.6, 2.0))
    return cv2.addWeighted(image, 1 + amount, soft, -amount, 0)


def noisy(image: Pixels, random: Random) -> Pixels:
    """Return the picture with noise of a sensor: of every channel by itself or of brightness, fine or coarse."""
    side, channels = image.shape[0], 1 if random.random() < 0.4 else 3
    grain = side if random.random() < 0.6 else side // 2
    noise: NDArray[Any] = random.standard_normal((grain, grain, channels), np.float32)
    noise = noise * np.float32(random.uniform(2, 14))
    if grain != side:
        noise = cv2.resize(noise, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.clip(image + noise.reshape(side, side, channels), 0, 255).astype(np.uint8)


def encoded(image: Pixels, random: Random) -> Pixels:
    """Return what a JPEG file, or in one of four cases a WebP file, keeps of the picture."""
    quality = int(random.integers(30, 96))
    if random.random() < 0.75:
        return encoded_again(image, quality)
    _, content = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)


def encoded_twice(image: Pixels, random: Random) -> Pixels:
    """Return what two files keep, the second of which was cut out elsewhere, so that its blocks lie elsewhere."""
    shift = random.integers(1, 8, 2)
    moved = np.roll(encoded(image, random), tuple(-shift), (0, 1))
    return np.roll(encoded(np.ascontiguousarray(moved), random), tuple(shift), (0, 1))


def from_screen(image: Pixels, random: Random) -> Pixels:
    """Return the picture as a screen showed it and a screenshot or a camera took it: scaled, often with a raster."""
    side = image.shape[0]
    shown = cv2.resize(image, None, fx=random.uniform(0.7, 1.6), fy=random.uniform(0.7, 1.6))
    shown = cv2.resize(shown, (side, side), interpolation=cv2.INTER_LINEAR)
    if random.random() < 0.5:
        return shown
    wave = np.sin(np.arange(side, dtype=np.float32) * random.uniform(0.5, 3.0) + random.uniform(0, 6))
    raster = wave[:, None] if random.random() < 0.5 else wave[None, :]
    striped = shown * (1 + random.uniform(0.01, 0.06) * raster[:, :, None])
    return np.asarray(np.clip(striped, 0, 255), np.uint8)


DAMAGES: dict[Callable[[Pixels, Random], Pixels], float] = {
    resampled: 0.3,
    encoded: 0.25,
    encoded_twice: 0.1,
    blurred: 0.1,
    sharpened: 0.08,
    noisy: 0.12,
    from_screen: 0.05,
}


def damaged(image: Pixels, random: Random) -> Pixels:
    """Return the picture after as many of the DAMAGES as DAMAGED says, drawn by their shares, in random order."""
    number = random.choice(len(DAMAGED), p=DAMAGED)
    for kind in random.choice(len(DAMAGES), size=number, p=list(DAMAGES.values())):
        image = list(DAMAGES)[kind](image, random)
    return image


def covered(image: Pixels, random: Random) -> Pixels:
    """Return the picture with one or two rectangles of it hidden under one colour or under noise."""
    image, side = image.copy(), image.shape[0]
    for _ in range(random.integers(1, 3)):
        height, width = (random.uniform(0.1, 0.45, 2) * side).astype(int)
        top, left = random.integers(side - height), random.integers(side - width)
        patch = image[top : top + height, left : left + width]
        if random.random() < 0.5:
            patch[:] = random.integers(0, 256, 3)
        else:
            patch[:] = random.integers(0, 256, patch.shape, np.uint8)
    return image


class Camera(albumentations.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """Framing, light, at most two damages and, with the chance `cover`, hidden parts; see this module."""

    class InitSchema(BaseTransformInitSchema):  # type: ignore[misc]  # albumentations has no types
        """What albumentations checks the arguments by."""

        cover: float

    def __init__(self, cover: float = 0.2, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.cover = cover

    def apply(self, img: Pixels, **params: Any) -> Pixels:
        """Called by albumentations: return pixels (side, side, 3), uint8 RGB."""
        random = self.random_generator
        image = damaged(lit(framed(img, random), random), random)
        if random.random() < self.cover:
            image = covered(image, random)
        return np.ascontiguousarray(image)
