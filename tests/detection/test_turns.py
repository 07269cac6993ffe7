"""When a second look is taken and which turn counts: with a detector that says what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.detection.detector import Detections, FaceDetector
from tasks.detection.second_look import SURE, Look, look, turned, turned_back
from tasks.sources.status import Status

Pixels = NDArray[np.uint8]


def found(*confidence: float) -> Detections:
    """Faces that are this sure."""
    count = len(confidence)
    boxes, points = np.zeros((count, 4), np.float32), np.zeros((count, 5, 2), np.float32)
    return Detections(boxes, np.array(confidence, np.float32), points, Status.OK if count else Status.NO_FACE)


class Told:
    """Finds in an image, by its first pixel and its turn, what a table says; counts what it is shown."""

    def __init__(self, table: dict[tuple[int, int], Detections]) -> None:
        self.table = table
        self.shown: list[tuple[int, int, float]] = []

    def detect_reduced(self, images: Sequence[Pixels], smallest: Sequence[float]) -> list[Detections]:
        seen = [(int(image.max()), turn_of(image)) for image in images]
        self.shown += [(*each, size) for each, size in zip(seen, smallest, strict=True)]
        return [self.table.get(each, found()) for each in seen]


def image(number: int) -> Pixels:
    """Black but for the corner at the top left, so that a turn shows."""
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0, 0] = number
    return pixels


def turn_of(pixels: Pixels) -> int:
    row, column = (int(places[0]) for places in np.nonzero(pixels[..., 0]))
    return {(False, False): 0, (True, False): 1, (True, True): 2, (False, True): 3}[row > 0, column > 0]


def looks(table: dict[tuple[int, int], Detections], count: int = 1, *, second: bool = True) -> tuple[list[Look], Told]:
    told = Told(table)
    images = [image(number) for number in range(1, count + 1)]
    sizes = [10.0 * number for number in range(1, count + 1)]
    return look(cast(FaceDetector, told), images, sizes, second_look=second), told


def test_only_images_without_a_sure_face_are_looked_at_again_with_their_own_smallest_face() -> None:
    table = {(1, 0): found(SURE), (2, 0): found(SURE - 0.001), (4, 0): found(0.2, 0.999)}
    _, told = looks(table, 4)
    assert told.shown[:4] == [(1, 0, 10.0), (2, 0, 20.0), (3, 0, 30.0), (4, 0, 40.0)]
    assert told.shown[4:] == [(number, turn, 10.0 * number) for turn in (1, 2, 3) for number in (2, 3)]
    assert len(looks(table, 4, second=False)[1].shown) == 4


@pytest.mark.parametrize(
    ("upright", "turned_", "best"),
    [
        ((), {2: (0.99,)}, 2),
        ((), {2: (SURE,)}, 2),
        ((), {2: (SURE - 0.001,)}, 0),
        ((0.5,), {1: (0.985,), 3: (0.4, 0.995)}, 3),
        ((0.5,), {1: (0.995,), 3: (0.985,)}, 1),
        ((0.97,), {1: (0.975,)}, 0),
    ],
)
def test_the_turn_with_the_surest_face_counts_if_that_one_is_sure(
    upright: tuple[float, ...], turned_: dict[int, tuple[float, ...]], best: int
) -> None:
    table = {(1, turn): found(*each) for turn, each in {0: upright, **turned_}.items()}
    (seen,), _ = looks(table)
    assert seen.turns == best
    assert seen.found.confidence.tolist() == table.get((1, best), found()).confidence.tolist()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_face_found_in_a_turned_image_lies_where_its_pixels_do(turns: int) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[5:12, 20:45] = 255
    rows, columns = np.nonzero(turned(picture, turns)[..., 0])
    box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    seen = Look(found(0.99), turns)
    assert seen.rotation == [0, 270, 180, 90][turns]
    assert seen.size(60, 40) == turned(picture, turns).shape[1::-1]
    there: Any = Detections(
        np.array([box], np.float32), seen.found.confidence, np.full((1, 5, 2), box[:2], np.float32), Status.OK
    )
    back = turned_back(there, turns, 60, 40)
    assert back.boxes.tolist() == [[20, 5, 25, 7]]
    corner = {0: [20, 5], 1: [45, 5], 2: [45, 12], 3: [20, 12]}[turns]
    assert back.landmarks[0].tolist() == [corner] * 5
