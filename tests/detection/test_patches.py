"""Patches against bilinear sampling written out, and what lies outside of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.detection.patches import cut
from tasks.detection.pyramid import build_levels, build_mips, plan_levels

Pixels = NDArray[np.uint8]


def smooth(height: int, width: int, seed: int) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def sampled(picture: Pixels, box: list[float], side: int) -> NDArray[np.float64]:
    """Sample as TensorFlow's crop_and_resize does: grey outside, a box scaled by (n - 1) / n of n pixels."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    patch = np.full((side, side, 3), 127.5)
    for row in range(side):
        for column in range(side):
            y = (top + (bottom - top) * row / (side - 1)) * (height - 1) / height
            x = (left + (right - left) * column / (side - 1)) * (width - 1) / width
            if 0 <= y <= height - 1 and 0 <= x <= width - 1:
                y0, x0 = min(int(y), height - 2), min(int(x), width - 2)
                corner = picture[y0 : y0 + 2, x0 : x0 + 2].astype(float)
                rows = corner[0] * (1 - (y - y0)) + corner[1] * (y - y0)
                patch[row, column] = rows[0] * (1 - (x - x0)) + rows[1] * (x - x0)
    return patch


def test_patches_are_bilinear_samples_of_the_right_picture() -> None:
    pictures = [smooth(60, 90, 1), smooth(75, 50, 2), smooth(40, 40, 3)]
    mips = build_mips(pictures, [20, 20, 20])
    boxes = [[10, 12, 40, 42], [-8, 50, 30, 88], [5, 5, 28, 28], [70, -10, 105, 25]]
    image = [0, 1, 2, 0]
    patches = cut(mips, np.array(image), np.array(boxes, np.float32), 24)
    for patch, number, box in zip(patches, image, boxes, strict=True):
        expected = sampled(pictures[number], [float(side) for side in box], 24)
        # cv2.remap knows 32 places between pixels; within half a pixel of the border ours still samples.
        apart = np.abs(patch - expected).max(axis=2)
        assert np.median(apart) < 1.5
        assert (apart > 8).mean() < 0.1


def test_outside_is_grey_whatever_lies_beside_on_the_canvas() -> None:
    pictures = [np.full((40, 40, 3), value, np.uint8) for value in (255, 10, 255)]
    mips = build_mips(pictures, [20, 20, 20])
    patches = cut(mips, np.array([1]), np.array([[-40, -40, 80, 80]], np.float32), 24)
    assert set(np.unique(patches)) <= {10, 128}
    assert 0.05 < (patches == 10).mean() < 0.2
    for box in ([-40, 0, -1, 39], [41, 0, 80, 39], [0, -40, 39, -1], [0, 41, 39, 80]):
        assert (cut(mips, np.array([1]), np.array([box], np.float32), 24) == 128).all()


def test_large_boxes_are_averaged() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    patch = cut(build_mips([stripes], [20]), np.array([0]), np.array([[0, 0, 399, 399]], np.float32), 24)
    assert np.abs(patch.astype(int) - 127).max() <= 2


def test_levels_hold_each_picture_at_falling_sizes_and_windows_know_their_level() -> None:
    pictures = [np.full((100, 150, 3), 50, np.uint8), np.full((90, 60, 3), 200, np.uint8)]
    mips = build_mips(pictures, [20, 30])
    levels = build_levels(mips, plan_levels(mips, [20, 30]))
    for value, number, smallest in ((50, 0, 20), (200, 1, 30)):
        own = np.flatnonzero(levels.image == number)
        assert levels.scale[own[0]].mean() > smallest / 12 * 0.95
        sizes = levels.spots[own, 2:]
        assert sizes.min() >= 12
        assert (np.diff(sizes[:, 0]) < 0).all()
        for level in own:
            rows, columns = np.nonzero(levels.owner == level)
            assert len(rows) == ((levels.spots[level, 2:] - 12) // 2 + 1).prod()
            for row, column in zip(rows, columns, strict=True):
                window = levels.canvas[2 * row : 2 * row + 12, 2 * column : 2 * column + 12]
                assert (window == value).all()
