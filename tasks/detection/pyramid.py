"""The pictures of a batch at every size that the networks look at.

A picture is halved again and again (the mips, from which patches are cut) and, from the next larger half, scaled to the
levels on which a face of 12, 18, 28 ... pixels fits P-Net's 12-pixel window. All mips of a batch lie on one
canvas and all levels on another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.detection.canvas import Pixels, Spot, pack, pack_tightly, view

WINDOW = 12  # pixels that P-Net sees at once
STRIDE = 2  # pixels between two of its windows
SHARED = WINDOW - STRIDE  # pixels that two neighbouring windows share
# From level to level. The package takes .709; with .65, and P-Net asked for .7, R-Net gets 85 patches instead of 135
# of a picture of wider_crowds.tar, and 147 instead of 153 of its 198 faces are found (the package: 145).
STEP = 0.65
# The levels' canvas has this many columns, and this many rows of windows, or a multiple: P-Net then meets few shapes,
# each of which costs OpenVINO some 10 ms at its first sight.
GRAIN = 32
# A face has this many pixels in the largest mip at least, as it does for the package at its default settings.
FACE_PIXELS = 20
# cv2.remap counts in 16 bits.
MAX_SIDE = 32_000


@dataclass(frozen=True)
class Mips:
    """The halved pictures of a batch on one canvas.

    `image`, `power`: of each mip, the picture it shows and how often it is halved; `spots`: its place (left, top,
    width, height); `first` (pictures + 1): where each picture's mips begin in these arrays.
    """

    canvas: Pixels
    image: NDArray[np.int64]
    power: NDArray[np.int64]
    spots: NDArray[np.int64]
    first: NDArray[np.int64]


class Level(NamedTuple):
    """A picture at one size, as P-Net shall see it: the mip that it is scaled from, and its size."""

    mip: int
    width: int
    height: int


@dataclass(frozen=True)
class Levels:
    """Scaled pictures of a batch on one canvas.

    `owner` (rows, columns): for each window of P-Net the level that it lies in, or -1 where it lies across two;
    `image`: of each level, its picture; `spots`: its place; `scale` (n, 2): pixels of the picture per pixel in x and y.
    """

    canvas: Pixels
    owner: NDArray[np.int32]
    image: NDArray[np.int64]
    spots: NDArray[np.int64]
    scale: NDArray[np.float32]


def build_mips(pictures: Sequence[Pixels], smallest: Sequence[float]) -> Mips:
    """Halve each picture from the size at which its smallest face (in its pixels) has FACE_PIXELS at least."""
    plans = [_mip_sizes(picture, face) for picture, face in zip(pictures, smallest, strict=True)]
    sizes = [size for plan in plans for _, size in plan]
    widest = max((width for width, _ in sizes), default=1)
    places, height = pack(sizes, max(widest, min(2048, 2 * widest)))
    canvas = np.empty((max(height, 1), max(widest, min(2048, 2 * widest)), 3), np.uint8)
    first = np.cumsum([0, *(len(plan) for plan in plans)])
    for picture, plan, start in zip(pictures, plans, first, strict=False):
        _draw_mips(canvas, picture, [power for power, _ in plan], places[start : start + len(plan)])
    image = np.repeat(np.arange(len(plans)), np.diff(first))
    power = np.array([power for plan in plans for power, _ in plan], np.int64)
    return Mips(canvas, image, power, np.array(places, np.int64).reshape(-1, 4), first)


def _mip_sizes(picture: Pixels, smallest: float) -> list[tuple[int, tuple[int, int]]]:
    """Return (times halved, (width, height)) of the mips worth having."""
    height, width = picture.shape[:2]
    power = max(0, math.floor(math.log2(max(smallest, 1) / FACE_PIXELS)))
    while max(height, width) >> power > MAX_SIDE:
        power += 1
    sizes = []
    while min(height, width) >> power >= WINDOW:
        sizes.append((power, (width >> power, height >> power)))
        power += 1
    return sizes


def _draw_mips(canvas: Pixels, picture: Pixels, powers: Sequence[int], spots: Sequence[Spot]) -> None:
    done = 0
    for power, spot in zip(powers, spots, strict=True):
        _shrink(picture, 1 << (power - done), view(canvas, spot))
        picture, done = view(canvas, spot), power


def _shrink(picture: Pixels, factor: int, target: Pixels) -> None:
    """Average squares of `factor` pixels into `target`; what is left over at the right and bottom falls away."""
    height, width = target.shape[:2]
    source = picture[: height * factor, : width * factor]
    if factor == 1:
        target[:] = source
    else:
        cv2.resize(source, (width, height), dst=target, interpolation=cv2.INTER_AREA)


def plan_levels(mips: Mips, smallest: Sequence[float]) -> list[Level]:
    """Return each picture's levels: its smallest face (in its pixels) has 12 pixels, and on by STEP while 12 remain."""
    return [level for image, face in enumerate(smallest) for level in _levels_of(mips, image, face)]


def _levels_of(mips: Mips, image: int, smallest: float) -> list[Level]:
    start, stop = int(mips.first[image]), int(mips.first[image + 1])
    levels: list[Level] = []
    scale = WINDOW / smallest
    while start < stop:
        width, height = (mips.spots[start, 2:] << mips.power[start]).tolist()
        if min(width, height) * scale < WINDOW:
            break
        finer = [mip for mip in range(start, stop) if 1 / (1 << int(mips.power[mip])) >= scale]
        levels.append(Level(max([start, *finer]), _even(width * scale), _even(height * scale)))
        scale *= STEP
    return levels


def build_levels(mips: Mips, levels: Sequence[Level]) -> Levels:
    """Scale the pictures to their levels, on one canvas."""
    rooms, width, height = pack_tightly([(_room(level.width), _room(level.height)) for level in levels], GRAIN)
    places = [Spot(room.x, room.y, level.width, level.height) for room, level in zip(rooms, levels, strict=True)]
    rows = SHARED + max(1, -(-(height - SHARED) // GRAIN)) * GRAIN
    canvas = np.zeros((rows, width, 3), np.uint8)
    owner = np.full((canvas.shape[0] // STRIDE, canvas.shape[1] // STRIDE), -1, np.int32)
    for index, (level, spot) in enumerate(zip(levels, places, strict=True)):
        source = view(mips.canvas, Spot(*mips.spots[level.mip].tolist()))
        cv2.resize(source, (spot.width, spot.height), dst=view(canvas, spot), interpolation=cv2.INTER_LINEAR)
        owner[_windows(spot.y, spot.height), _windows(spot.x, spot.width)] = index
    chosen = np.array([level.mip for level in levels], np.int64)
    spots = np.array(places, np.int64).reshape(-1, 4)
    pixels = mips.spots[chosen, 2:] << mips.power[chosen, None]
    return Levels(canvas, owner, mips.image[chosen], spots, (pixels / spots[:, 2:]).astype(np.float32))


def _room(size: int) -> int:
    """Return the room of a level: so every one starts where P-Net also looks if it leaves out every second window."""
    return -(-size // (2 * STRIDE)) * 2 * STRIDE


def _even(size: float) -> int:
    return max(WINDOW, 2 * round(size / 2))


def _windows(start: int, size: int) -> slice:
    """Return the places of the windows that lie wholly in `size` pixels from `start`."""
    return slice(start // STRIDE, (start + size - WINDOW) // STRIDE + 1)
