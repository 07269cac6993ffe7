"""Crops: the right pixels, the right size, no invented pixel unrecorded."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.detection.crop import crop_face, crop_side, native_reduction, window_start
from tasks.params import CropParams

Pixels = NDArray[np.uint8]
POINTS = np.array([[40, 40], [60, 40], [50, 50], [42, 60], [58, 60]], np.float32)


def resampled(**changes: Any) -> CropParams:
    return CropParams(**{"margin": 0.3, "scale": "fit", "reencode": None, **changes})


def box(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def coordinates(size: int = 200) -> Pixels:
    """Return pixels that tell their own place: red is the column, green the row."""
    rows, columns = np.mgrid[0:size, 0:size]
    return np.stack([columns, rows, np.zeros_like(rows)], axis=2).astype(np.uint8)


def test_a_crop_of_its_own_size_is_cut_out_untouched() -> None:
    params = resampled(size=64, margin=0.5)
    crop = crop_face(coordinates(), box(84, 74, 32, 20), POINTS, params)
    assert crop_side(box(84, 74, 32, 20), params) == 64
    assert crop.padding == 0
    np.testing.assert_array_equal(crop.rgb, coordinates()[52:116, 68:132])


@pytest.mark.parametrize("size", [32, 100, 160])
def test_the_size_is_always_the_one_asked_for(size: int) -> None:
    crop = crop_face(coordinates(), box(60, 60, 50, 70), POINTS, resampled(size=size))
    assert crop.rgb.shape == (size, size, 3)
    middle = crop.rgb[size // 2 - 1 : size // 2 + 1, size // 2 - 1 : size // 2 + 1].astype(float).mean(axis=(0, 1))
    np.testing.assert_allclose(middle[:2], [84.5, 94.5], atol=1)


@pytest.mark.parametrize("border", ["reflect", "replicate", "black"])
def test_padding_is_recorded(border: Literal["reflect", "replicate", "black"]) -> None:
    params = resampled(size=40, margin=0, border=border)
    crop = crop_face(coordinates(), box(-10, -20, 40, 40), POINTS, params)
    assert crop.padding == pytest.approx(1 - (30 * 20) / 1600, abs=1e-4)
    np.testing.assert_array_equal(crop.rgb[20:, 10:], coordinates()[:20, :30])
    edge = {"reflect": [1, 1, 0], "replicate": [0, 0, 0], "black": [0, 0, 0]}[border]
    assert crop.rgb[19, 9].tolist() == edge


def test_a_margin_far_beyond_a_small_picture() -> None:
    crop = crop_face(coordinates(30), box(0, 0, 30, 30), POINTS, resampled(size=64, margin=2))
    assert crop.rgb.shape == (64, 64, 3)
    assert crop.padding == pytest.approx(1 - 1 / 25, abs=0.01)


@pytest.mark.parametrize("angle", [-40, -15, 10, 33])
def test_alignment_brings_the_eyes_level_and_keeps_the_scale(angle: float) -> None:
    turn = np.deg2rad(angle)
    middle, eye = np.array([100, 100]), np.array([np.cos(turn), np.sin(turn)]) * 20
    landmarks = np.array([middle - eye, middle + eye, middle, middle, middle], np.float32)
    picture = np.zeros((200, 200, 3), np.uint8)
    for x, y in landmarks[:2].round().astype(int):
        picture[y - 1 : y + 2, x - 1 : x + 2] = 255
    params = resampled(size=96, margin=0.5, align=True)
    crop = crop_face(picture, box(76, 76, 48, 48), landmarks, params)
    rows, columns = np.nonzero(crop.rgb[..., 0] > 60)
    left, right = columns < 48, columns > 48
    assert abs(rows[left].mean() - rows[right].mean()) < 1.5
    assert columns[right].mean() - columns[left].mean() == pytest.approx(40, abs=2)
    assert crop.padding == 0


def test_a_turned_square_beyond_the_corner_counts_as_padding() -> None:
    landmarks = np.array([[0, 0], [10, 10], [5, 5], [5, 5], [5, 5]], np.float32)  # 45 degrees
    params = resampled(size=40, margin=0, align=True)
    crop = crop_face(coordinates(), box(-20, -20, 40, 40), landmarks, params)
    assert crop.padding == pytest.approx(0.75, abs=0.01)


def test_same_input_same_bytes() -> None:
    arguments: Any = (coordinates(), box(20.3, 31.7, 55.5, 61.1), POINTS, resampled(align=True))
    assert crop_face(*arguments).rgb.tobytes() == crop_face(*arguments).rgb.tobytes()


@given(centre=st.floats(-50, 350), length=st.integers(1, 300), size=st.integers(1, 300))
def test_a_window_holds_as_much_picture_as_it_can_and_moves_no_more_than_it_must(
    centre: float, length: int, size: int
) -> None:
    start = window_start(centre, length, size)
    shared = min(start + size, length) - max(start, 0)
    assert shared == min(size, length)
    wanted = round(centre - size / 2)
    best = [place for place in range(-size, length + 1) if min(place + size, length) - max(place, 0) == shared]
    assert abs(start - wanted) == min(abs(place - wanted) for place in best)


@given(side=st.floats(1, 5000), size=st.integers(32, 512))
def test_the_reduction_brings_a_face_nearest_to_the_crop(side: float, size: int) -> None:
    params = CropParams(size=size, margin=0, scale="native")
    reduction = native_reduction(box(0, 0, side, side / 2), params)
    side = float(np.float32(side))
    if reduction is None:
        assert side < size / np.sqrt(2)
    else:
        assert reduction & (reduction - 1) == 0
        assert side / reduction < size * np.sqrt(2)
        assert reduction == 1 or side / reduction >= size / np.sqrt(2)
        assert side >= size / np.sqrt(2)


def test_the_side_of_a_square_is_the_longer_one_with_both_margins() -> None:
    params = resampled(margin=0.25)
    assert crop_side(box(5, 6, 40, 20), params) == crop_side(box(5, 6, 20, 40), params) == 60
    assert native_reduction(box(0, 0, 900, 900), params) is None, "only `native` cuts without resampling"


def test_a_window_larger_than_the_picture_records_what_is_missing() -> None:
    params = CropParams(size=64, margin=0, scale="native", reencode=None)
    crop = crop_face(coordinates(50), box(0, 0, 60, 60), POINTS, params)
    assert crop.padding == pytest.approx(1 - 50 * 50 / 64**2)
    wide = crop_face(coordinates(200)[:40], box(60, 0, 60, 60), POINTS, params)
    assert wide.padding == pytest.approx(1 - 40 / 64)
    assert wide.rgb[32, 0, 0] == 90 - 32
