"""Box geometry and suppression against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tasks.detection import boxes as module
from tasks.detection.boxes import clip, inside, iou, near, place_landmarks, regress, suppress, to_square, to_xywh

Float = NDArray[np.float32]
# Quarters, so that sums and halves are exact; thresholds that no quotient of them meets but for a half, which is exact.
NUMBERS = st.integers(-200, 200).map(lambda quarter: quarter / 4)


@st.composite
def some_boxes(draw: Any, most: int = 24) -> Float:
    count = draw(st.integers(0, most))
    corner = draw(arrays(np.float32, (count, 2), elements=NUMBERS))
    size = draw(arrays(np.float32, (count, 2), elements=st.integers(1, 120).map(lambda quarter: quarter / 4)))
    return np.concatenate([corner, corner + size], axis=1)


def plain_overlap(a: Float, b: Float, over: str = "union") -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    first, second = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return float(shared / (min(first, second) if over == "smaller" else first + second - shared))


@settings(deadline=None, max_examples=60)
@given(some_boxes(), some_boxes())
def test_iou_is_what_a_loop_says(a: Float, b: Float) -> None:
    expected = np.array([[plain_overlap(one, other) for other in b] for one in a]).reshape(len(a), len(b))
    np.testing.assert_allclose(iou(a, b), expected, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(boxes=some_boxes(), seed=st.integers(0, 1000))
def test_the_share_inside_another_box_is_what_a_loop_says(boxes: Float, seed: int) -> None:
    others = boxes[np.random.default_rng(seed).permutation(len(boxes))]
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in boxes]
    shared = [
        max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
        for a, b in zip(boxes, others, strict=True)
    ]
    expected = np.array(shared).reshape(-1) / np.array(area).reshape(-1)
    np.testing.assert_allclose(inside(boxes, others), expected, atol=1e-6)


@pytest.mark.parametrize("over", ["union", "smaller"])
@settings(deadline=None, max_examples=60)
@given(boxes=some_boxes(), seed=st.integers(0, 1000), threshold=st.sampled_from([1 / np.pi, 0.5, 1 / np.sqrt(2)]))
def test_suppression_is_what_a_loop_says(over: Any, boxes: Float, seed: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    scores = random.permutation(len(boxes)).astype(np.float32)
    group = random.integers(0, 3, len(boxes))
    expected = [
        not any(
            group[j] == group[i] and scores[j] > scores[i] and plain_overlap(boxes[i], boxes[j], over) > threshold
            for j in range(len(boxes))
        )
        for i in range(len(boxes))
    ]
    assert suppress(group, boxes, scores, threshold, over).tolist() == expected


@settings(deadline=None, max_examples=60)
@given(boxes=some_boxes(), seed=st.integers(0, 1000), threshold=st.sampled_from([1 / np.sqrt(20), 1 / np.sqrt(7)]))
def test_near_is_what_a_loop_says(boxes: Float, seed: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    some, group = random.random(len(boxes)) < 0.5, random.integers(0, 2, len(boxes))
    expected = [
        any(
            i != j and some[j] and group[j] == group[i] and plain_overlap(boxes[i], boxes[j]) > threshold
            for j in range(len(boxes))
        )
        for i in range(len(boxes))
    ]
    assert near(group, boxes, some, threshold).tolist() == expected


@settings(deadline=None, max_examples=30)
@given(boxes=some_boxes(), seed=st.integers(0, 1000))
def test_suppression_does_not_depend_on_the_order(boxes: Float, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 4, len(boxes)).astype(np.float32)
    boxes, places = np.unique(boxes, axis=0, return_index=True)
    scores = scores[places]
    order = random.permutation(len(boxes))
    group = np.zeros(len(boxes), np.int64)
    shuffled = suppress(group, boxes[order], scores[order], 0.5)
    assert shuffled.tolist() == suppress(group, boxes, scores, 0.5)[order].tolist()


def test_suppression_in_pieces_is_suppression_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    corner = random.uniform(0, 50, (300, 2)).astype(np.float32)
    boxes = np.concatenate([corner, corner + random.uniform(5, 20, (300, 2)).astype(np.float32)], axis=1)
    scores, group = random.uniform(size=300).astype(np.float32), random.integers(0, 3, 300)
    at_once = suppress(group, boxes, scores, 0.3)
    monkeypatch.setattr(module, "MAX_PAIRS", 100)
    assert (suppress(group, boxes, scores, 0.3) == at_once).all()
    assert 0 < at_once.sum() < 300


@settings(deadline=None, max_examples=40)
@given(some_boxes())
def test_squares_hold_their_boxes_and_keep_their_centres(boxes: Float) -> None:
    squares = to_square(boxes)
    size = squares[:, 2:] - squares[:, :2]
    np.testing.assert_allclose(size[:, 0], (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0), atol=1e-4)
    np.testing.assert_allclose(size[:, 0], size[:, 1], atol=1e-4)
    np.testing.assert_allclose(squares[:, :2] + squares[:, 2:], boxes[:, :2] + boxes[:, 2:], atol=1e-4)


@settings(deadline=None, max_examples=40)
@given(some_boxes())
def test_no_offsets_move_nothing_and_clipped_boxes_lie_inside(boxes: Float) -> None:
    np.testing.assert_array_equal(regress(boxes, np.zeros_like(boxes)), boxes)
    inside = clip(boxes, 20, 10)
    assert (inside >= 0).all()
    assert (inside[:, [0, 2]] <= 20).all()
    assert (inside[:, [1, 3]] <= 10).all()
    assert (to_xywh(inside)[:, 2:] >= 0).all()


def test_offsets_and_landmarks_are_fractions_of_a_box_counted_inclusively() -> None:
    box = np.array([[10, 20, 29, 39]], np.float32)
    assert regress(box, np.array([[0.5, 0, -0.5, 0.1]], np.float32)).tolist() == [[20, 20, 19, 41]]
    outputs = np.array([[0, 1, 0.5, 0, 1, 0, 0, 0.5, 1, 1]], np.float32)
    assert place_landmarks(box, outputs).tolist() == [[[9, 19], [29, 19], [19, 29], [9, 39], [29, 39]]]


@st.composite
def crowded(draw: Any) -> Float:
    """Boxes of a few whole pixels: many overlap by exactly a half, a third or a quarter."""
    count = draw(st.integers(0, 12))
    corner = draw(arrays(np.float32, (count, 2), elements=st.integers(0, 3).map(float)))
    return np.concatenate(
        [corner, corner + draw(arrays(np.float32, (count, 2), elements=st.integers(1, 3).map(float)))], axis=1
    )


@pytest.mark.parametrize("over", ["union", "smaller"])
@settings(max_examples=60)
@given(boxes=crowded(), seed=st.integers(0, 1000), threshold=st.sampled_from([0.25, 0.5, 1.0]))
def test_of_equal_scores_the_one_further_left_then_up_stays_and_an_overlap_of_the_threshold_is_none(
    over: Any, boxes: Float, seed: int, threshold: float
) -> None:
    random = np.random.default_rng(seed)
    boxes = np.unique(boxes, axis=0)
    scores, group = random.integers(0, 3, len(boxes)).astype(np.float32), random.integers(0, 2, len(boxes))

    def better(j: int, i: int) -> bool:
        if scores[i] != scores[j] or (boxes[i, :2] == boxes[j, :2]).all():
            return bool(scores[j] > scores[i])
        return tuple(boxes[j, :2].tolist()) < tuple(boxes[i, :2].tolist())

    kept = suppress(group, boxes, scores, threshold, over)
    for i in range(len(boxes)):
        rivals = [
            j
            for j in range(len(boxes))
            if j != i and group[j] == group[i] and plain_overlap(boxes[i], boxes[j], over) > threshold
        ]
        twins = [j for j in rivals if scores[i] == scores[j] and (boxes[i, :2] == boxes[j, :2]).all()]
        if not twins:  # of boxes with the same corner and score either may stay
            assert kept[i] == (not any(better(j, i) for j in rivals))


@settings(max_examples=60)
@given(boxes=crowded(), seed=st.integers(0, 1000), threshold=st.sampled_from([0.25, 0.5, 1.0]))
def test_an_overlap_of_exactly_the_threshold_is_not_near(boxes: Float, seed: int, threshold: float) -> None:
    some = np.random.default_rng(seed).random(len(boxes)) < 0.5
    expected = [
        any(j != i and some[j] and plain_overlap(boxes[i], boxes[j]) > threshold for j in range(len(boxes)))
        for i in range(len(boxes))
    ]
    assert near(np.zeros(len(boxes), np.int64), boxes, some, threshold).tolist() == expected


def test_who_is_suppressed_by_hand() -> None:
    half = np.array([[0, 0, 2, 1], [0, 0, 1, 1]], np.float32)  # they share 1 of 2
    scores, one = np.array([0.5, 0.9], np.float32), np.zeros(2, np.int64)
    assert suppress(one, half, scores, 0.5).tolist() == [True, True]
    assert suppress(one, half, scores, 0.49).tolist() == [False, True]
    assert suppress(one, half, scores, 0.5, "smaller").tolist() == [False, True]
    assert suppress(np.array([0, 1]), half, scores, 0.1).tolist() == [True, True]
    for boxes in ([[1, 0, 5, 4], [0, 0, 4, 4]], [[0, 1, 4, 5], [0, 0, 4, 4]]):  # the left one, then the upper one
        assert suppress(one, np.array(boxes, np.float32), np.array([0.7, 0.7], np.float32), 0.3).tolist() == [
            False,
            True,
        ]


def test_boxes_without_an_area_overlap_nothing() -> None:
    flat = np.array([[1, 1, 1, 5], [0, 0, 4, 4], [3, 3, 1, 1]], np.float32)
    assert suppress(np.zeros(3, np.int64), flat, np.ones(3, np.float32), 0.0).tolist() == [True] * 3
    assert iou(flat, flat)[0].tolist() == [0, 0, 0]
    assert inside(flat[:1], flat[1:2]).tolist() == [0]


def test_corners_of_boxes_by_hand() -> None:
    box = np.array([[2, 3, 10, 7]], np.float32)
    assert to_xywh(box).tolist() == [[2, 3, 8, 4]]
    assert to_square(box).tolist() == [[2, 1, 10, 9]]
    assert clip(np.array([[-1, -2, 30, 40]], np.float32), 20, 10).tolist() == [[0, 0, 20, 10]]
