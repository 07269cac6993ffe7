"""The steps between the networks: which faces stay, in which order, and what is known to the next search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tasks.detection import cascade
from tasks.detection.cascade import Found, _best, _largest, _logit, _strips
from tasks.detection.pyramid import SHARED


def found(*faces: tuple[int, Sequence[float], float]) -> Found:
    """Faces as picture, box and logit; each landmark repeats the logit, so that it shows where it went."""
    image = np.array([face[0] for face in faces], np.int64)
    boxes = np.array([face[1] for face in faces], np.float32).reshape(-1, 4)
    logits = np.array([face[2] for face in faces], np.float32)
    return Found(image, boxes, logits, np.repeat(logits, 10).reshape(-1, 5, 2))


def test_the_faces_of_all_searches_are_sorted_by_picture_the_surest_first() -> None:
    one = found((1, (0, 0, 10, 10), 2.0), (0, (0, 0, 10, 10), 1.0))
    other = found((0, (50, 50, 60, 60), 3.0), (1, (50, 0, 60, 10), 2.5))
    best = _best(one, other)
    assert best.image.tolist() == [0, 0, 1, 1]
    assert best.logits.tolist() == [3, 1, 2.5, 2]
    assert best.boxes[:, 0].tolist() == [50, 0, 50, 0]
    assert (best.points == best.logits[:, None, None]).all()


def test_a_face_in_a_surer_one_of_its_picture_falls_however_small_it_is() -> None:
    outer, inner = (0.0, 0.0, 40.0, 40.0), (10.0, 10.0, 20.0, 20.0)
    assert _best(found((0, outer, 2.0)), found((0, inner, 1.0))).logits.tolist() == [2]
    assert _best(found((0, outer, 1.0)), found((0, inner, 2.0))).logits.tolist() == [2]
    assert _best(found((0, outer, 2.0)), found((1, inner, 1.0))).logits.tolist() == [2, 1]
    edge = (33.0, 0.0, 43.0, 10.0)  # seven tenths of it lie in the other: not more than the limit
    assert _best(found((0, outer, 2.0)), found((0, edge, 1.0))).logits.tolist() == [2, 1]


def test_each_picture_is_known_by_its_face_of_the_largest_area() -> None:
    tall, wide = (0, 0, 10, 100), (0, 0, 40, 30)  # 1000 and 1200
    known = _largest(found((2, wide, 0.1), (2, tall, 9.0), (0, tall, 1.0), (0, (1, 1, 2, 2), 2.0)), 3)
    assert known.tolist() == [list(tall), [0, 0, 0, 0], list(wide)]


@pytest.mark.parametrize(("rows", "columns"), [(40, 32), (400, 64), (1000, 500)])
def test_strips_share_a_window_and_cover_every_row(rows: int, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "STRIP_PIXELS", 64 * 100)
    canvas = np.arange(rows, dtype=np.int64)[:, None].repeat(columns, axis=1).astype(np.uint8)
    strips = _strips(canvas)
    assert [start for start, _ in strips] == sorted({start for start, _ in strips})
    assert strips[0][0] == 0
    for (start, strip), (following, _) in zip(strips, [*strips[1:], (rows - SHARED, canvas)], strict=True):
        assert (strip == canvas[start : start + len(strip)]).all()
        assert start + len(strip) >= min(following + SHARED, rows)


def test_a_logit_is_that_of_its_probability() -> None:
    assert _logit(0.5) == 0
    assert 1 / (1 + np.exp(-_logit(0.9))) == pytest.approx(0.9)
