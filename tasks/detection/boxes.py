"""Geometry of boxes (n, 4: left, top, right, bottom) and non-maximum suppression for a whole batch at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]

# Pairs looked at in one step: bounds the memory that a photograph with tens of thousands of proposals takes.
MAX_PAIRS = 1 << 21


def to_square(boxes: Float) -> Float:
    """Return squares around the same centres, as wide as the longer side."""
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + size * np.float32(0.5) - side * np.float32(0.5)
    return np.concatenate([corner, corner + side], axis=1)


def regress(boxes: Float, offsets: Float) -> Float:
    """Move the four sides by `offsets` (n, 4), which are fractions of the box (its sides counted inclusively)."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    moved: Float = boxes + offsets * np.concatenate([size, size], axis=1)
    return moved


def place_landmarks(boxes: Float, outputs: Float) -> Float:
    """Return landmarks (n, 5, 2: x, y) in pixels from O-Net's ten outputs: five x, five y as fractions of the box."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    points = outputs.reshape(-1, 2, 5).transpose(0, 2, 1)
    landmarks: Float = points * size[:, None] + boxes[:, None, :2] - 1
    return landmarks


def clip(boxes: Float, width: float, height: float) -> Float:
    """Return the boxes cut at the borders of a picture."""
    limit = np.array([width, height, width, height], np.float32)
    return np.clip(boxes, np.float32(0), limit)


def to_xywh(boxes: Float) -> Float:
    """Return left, top, width, height."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def iou(a: Float, b: Float) -> Float:
    """Return intersection over union of each box of `a` (n, 4) with each of `b` (m, 4), as (n, m)."""
    size = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.clip(size, 0, None).prod(axis=-1)
    union = _area(a)[:, None] + _area(b)[None] - shared
    overlap: Float = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap


def inside(boxes: Float, others: Float) -> Float:
    """Return which share (n,) of each of `boxes` (n, 4) lies in its counterpart of `others` (n, 4)."""
    size = np.minimum(boxes[:, 2:], others[:, 2:]) - np.maximum(boxes[:, :2], others[:, :2])
    share: Float = np.clip(size, 0, None).prod(axis=1) / np.maximum(_area(boxes), np.float32(1e-6))
    return share


def suppress(
    group: Index, boxes: Float, scores: Float, threshold: float, over: Literal["union", "smaller"] = "union"
) -> Mask:
    """Return which boxes stay: those that overlap no better-scored box of their group by more than `threshold`.

    As in the mtcnn package, a box that itself falls still removes others ("fast NMS", Bolya et al., 2019,
    arXiv:1904.02689), which needs no loop. Overlap is intersection over union, or over the smaller of the two areas.
    Of two equal scores the box further left stays, then the one further up. Only pairs that meet in x are compared.
    """
    keep = np.ones(len(boxes), bool)
    for first, second in _overlapping(group, boxes, threshold, over):
        keep[np.where(scores[first] >= scores[second], second, first)] = False
    return keep


def near(group: Index, boxes: Float, some: Mask, threshold: float) -> Mask:
    """Return which boxes have an intersection over union above `threshold` with another, of `some`, of their group."""
    met = np.zeros(len(boxes), bool)
    for first, second in _overlapping(group, boxes, threshold, "union"):
        met[second[some[first]]] = True
        met[first[some[second]]] = True
    return met


def _overlapping(
    group: Index, boxes: Float, threshold: float, over: Literal["union", "smaller"]
) -> Iterator[tuple[Index, Index]]:
    """Yield, in pieces, the pairs of one group that overlap by more than `threshold`, the one further left first."""
    if len(boxes) < 2:
        return
    order, reach = _sweep(group, boxes)
    boxes, area = boxes[order], _area(boxes[order])
    for first, second in _pairs(reach):
        meet = _overlap(boxes, area, first, second, over) > threshold
        yield order[first[meet]], order[second[meet]]


def _sweep(group: Index, boxes: Float) -> tuple[Index, Index]:
    """Sort by group, left side, top side; for each place in that order, count the following ones that it meets in x."""
    order = np.lexsort((boxes[:, 1], boxes[:, 0], group))
    left = boxes[order, 0].astype(np.float64)
    right = np.maximum(boxes[order, 2], boxes[order, 0]).astype(np.float64)
    # Groups laid side by side on one axis, so far apart that they cannot meet.
    shift = group[order] * (right.max() - left.min() + 1.0)
    until = np.searchsorted(left + shift, right + shift, side="left")
    return order, np.maximum(until - np.arange(len(order)) - 1, 0)


def _pairs(reach: Index) -> list[tuple[Index, Index]]:
    """Return the pairs (i, j), i < j <= i + reach[i], in pieces of about MAX_PAIRS."""
    total = np.cumsum(reach)
    cuts = np.searchsorted(total, np.arange(MAX_PAIRS, int(total[-1]) + MAX_PAIRS, MAX_PAIRS), side="left") + 1
    bounds = [0, *np.unique(np.minimum(cuts, len(reach)))]
    pieces = []
    for start, stop in itertools.pairwise(bounds):
        count = reach[start:stop]
        first = np.repeat(np.arange(start, stop), count)
        before = np.repeat(np.cumsum(count) - count, count)
        pieces.append((first, first + 1 + np.arange(len(first)) - before))
    return pieces


def _overlap(boxes: Float, area: Float, first: Index, second: Index, over: Literal["union", "smaller"]) -> Float:
    a, b = boxes[first], boxes[second]
    size = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.clip(size[:, 0], 0, None) * np.clip(size[:, 1], 0, None)
    whole = np.minimum(area[first], area[second]) if over == "smaller" else area[first] + area[second] - shared
    share: Float = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return share


def _area(boxes: Float) -> Float:
    area: Float = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area
