"""Rectangles on a canvas never overlap, never stick out, and waste little."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.detection.canvas import Spot, pack, pack_tightly

SIZES = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=25)


def counted(spots: list[Spot], width: int, height: int) -> np.ndarray:
    canvas = np.zeros((height, width), int)
    for spot in spots:
        canvas[spot.y : spot.y + spot.height, spot.x : spot.x + spot.width] += 1
    return canvas


@settings(deadline=None, max_examples=60)
@given(SIZES)
def test_places_are_inside_and_apart(sizes: list[tuple[int, int]]) -> None:
    spots, height = pack(sizes, 64)
    assert [(spot.width, spot.height) for spot in spots] == sizes
    canvas = counted(spots, 64, height)
    assert canvas.max(initial=0) <= 1
    assert canvas.sum() == sum(width * high for width, high in sizes)


@settings(deadline=None, max_examples=40)
@given(SIZES)
def test_even_sizes_get_even_places(sizes: list[tuple[int, int]]) -> None:
    spots, _, _ = pack_tightly([(2 * width, 2 * height) for width, height in sizes], 32)
    assert all(spot.x % 2 == 0 and spot.y % 2 == 0 for spot in spots)


def test_a_batch_of_pyramids_fills_most_of_its_canvas() -> None:
    sides = [154, 110, 78, 54, 38, 28, 20, 14]
    spots, width, height = pack_tightly([(side, side) for side in sides] * 32, 32)
    assert counted(spots, width, height).mean() > 0.85
    assert width % 32 == 0
