"""Patches of one size for any number of boxes in any number of pictures, in one call of OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.detection.pyramid import Mips

Float = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# Outside of its picture a patch has the networks' zero, as in the package.
OUTSIDE = (128, 128, 128)
MAX_ROWS = 32_000  # cv2.remap counts in 16 bits
FAR = np.float32(-1000)


def cut(mips: Mips, image: NDArray[np.int64], boxes: Float, side: int) -> Pixels:
    """Return patches (n, side, side, 3), sampled between pixels, of `boxes` (n, 4: left, top, right, bottom).

    Boxes are in pixels of the pictures numbered `image` (n,). Each is read from the mip in which its samples lie one to
    two pixels apart, so that large faces are averaged and not picked at. The box's outer samples lie on its sides.
    """
    patches = np.empty((len(boxes), side * side, 3), np.uint8)
    for start in range(0, len(boxes), MAX_ROWS):
        piece = slice(start, start + MAX_ROWS)
        mip = _choose_mips(mips, image[piece], boxes[piece], side)
        columns = _samples(mips, mip, boxes[piece], side, 0)
        rows = _samples(mips, mip, boxes[piece], side, 1)
        map_x, map_y = np.broadcast_arrays(columns[:, None, :], rows[:, :, None])
        cv2.remap(
            mips.canvas,
            map_x.reshape(-1, side * side),
            map_y.reshape(-1, side * side),
            cv2.INTER_LINEAR,
            dst=patches[piece],
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=OUTSIDE,
        )
    return patches.reshape(-1, side, side, 3)


def _choose_mips(mips: Mips, image: NDArray[np.int64], boxes: Float, side: int) -> NDArray[np.int64]:
    """Return the index of each box's mip."""
    apart = np.maximum(boxes[:, 2] - boxes[:, 0], 1) / (side - 1)
    wanted = np.floor(np.log2(apart)).astype(np.int64) - mips.power[mips.first[image]]
    chosen: NDArray[np.int64] = mips.first[image] + np.clip(wanted, 0, np.diff(mips.first)[image] - 1)
    return chosen


def _samples(mips: Mips, mip: NDArray[np.int64], boxes: Float, side: int, axis: int) -> Float:
    """Return where each box's samples lie on the canvas along an axis (0: x, 1: y), as (n, side)."""
    size, start, length = mips.spots[mip, 2 + axis], mips.spots[mip, axis], np.exp2(-mips.power[mip])
    low, high = boxes[:, axis, None], boxes[:, axis + 2, None]
    place = low + (high - low) * np.linspace(0, 1, side, dtype=np.float32)
    # The package scales a box by (n - 1) / n of the picture's n pixels before it samples.
    place = place * (1 - length / size)[:, None]
    local = ((place + 0.5) * length[:, None] - 0.5).astype(np.float32)
    inside = (local >= -0.5) & (local <= size[:, None] - 0.5)
    # cv2.remap knows 32 places between two pixels. Rounded to them before the mip's place on the canvas is added, a
    # sample is the same wherever its mip lies: a batch gives what single images give.
    exact = np.rint(np.clip(local, 0, size[:, None] - 1) * 32) / 32
    return np.where(inside, exact + start[:, None], FAR).astype(np.float32)
