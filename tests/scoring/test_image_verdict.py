"""From the scores of an image's faces to the verdict on the image."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tasks.scoring.verdict import image_p_fake


def faces(*boxes: tuple[float, float, float, float]) -> Any:
    """Faces that have a box (x, y, width, height) and nothing else."""
    return [SimpleNamespace(box=np.array(box, np.float32)) for box in boxes]


def test_the_largest_face_is_that_of_the_largest_area() -> None:
    tall, wide, square = (0, 0, 10, 50), (9, 9, 52, 10), (5, 5, 24, 24)  # 500, 520 and 576 pixels
    assert image_p_fake("largest", faces(tall, wide, square), [0.1, 0.2, 0.3]) == 0.3
    assert image_p_fake("largest", faces(tall, wide), [0.1, 0.2]) == 0.2
    assert image_p_fake("largest", faces(square, wide), [0.3, 0.2]) == 0.3


def test_of_two_faces_as_large_the_surer_one_counts() -> None:
    """Faces come the surest first."""
    assert image_p_fake("largest", faces((0, 0, 10, 20), (0, 0, 20, 10)), [0.2, 0.9]) == 0.2


def test_the_most_suspicious_face_and_the_mean() -> None:
    two = faces((0, 0, 30, 30), (0, 0, 20, 20))
    assert image_p_fake("max", two, [0.25, 0.75]) == 0.75
    assert image_p_fake("mean", two, [0.25, 0.75]) == 0.5
    assert image_p_fake("mean", two, [0.1, 0.2]) == float(np.float32(0.15)) == pytest.approx(0.15)
