"""Three answers: bounds, doubts and their order, and the answer on an image with several faces."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tasks.detection.onepass import Face
from tasks.params.models import Verdict
from tasks.scoring.card import Answers, ModelCard
from tasks.scoring.verdict import BORDERLINE, LOW_QUALITY, UNFAMILIAR, Answer, FaceScore, Judge, image_answer

REAL, FAKE = Answer("real", None), Answer("fake", None)
JUDGE = Judge(0.5, 0.3, 0.7, 2.0, 0.1)


def judge_of(answers: Answers | None, threshold: float = 0.5) -> Judge:
    card = SimpleNamespace(answers=answers, threshold_by=lambda rule: threshold)
    return Judge.of(cast(ModelCard, card), "balanced")


@pytest.mark.parametrize(
    ("p_fake", "distance", "quality", "expected"),
    [
        (0.7, 1.0, 0.1, FAKE),
        (0.69, 1.0, 0.1, Answer("unsure", BORDERLINE)),
        (0.3, 1.0, 0.1, Answer("unsure", BORDERLINE)),
        (0.29, 1.0, 0.1, REAL),
        (0.99, 2.0, 0.1, Answer("unsure", UNFAMILIAR)),
        (0.01, None, 0.1, REAL),
        (0.99, 9.0, 0.09, Answer("unsure", LOW_QUALITY)),
        (0.99, float("nan"), float("nan"), FAKE),  # nothing is known of either
    ],
)
def test_an_answer_needs_a_clear_score_of_a_face_that_can_be_judged(
    p_fake: float, distance: float | None, quality: float, expected: Answer
) -> None:
    assert JUDGE.answer(p_fake, distance, quality) == expected


@pytest.mark.parametrize("bounds", [(0.3, 0.7), (0.7, 0.3), (0.6, 0.8), (0.1, 0.2)])
def test_an_answer_never_contradicts_the_threshold(bounds: tuple[float, float]) -> None:
    judge = judge_of(Answers(real_below=bounds[0], fake_from=bounds[1], rate=0.05))
    for p_fake in np.linspace(0, 1, 101):
        verdict = judge.answer(p_fake, None, 1.0).verdict
        assert verdict == "unsure" or (verdict == "fake") == judge.is_fake(p_fake)
    assert (judge.answer(0.5, None, 1.0).verdict == "unsure") == (bounds[1] > 0.5)


def test_a_card_without_bounds_gives_two_answers() -> None:
    judge = judge_of(None)
    assert [judge.answer(p_fake, 100.0, 0.0) for p_fake in (0.0, 0.49, 0.5, 1.0)] == [REAL, REAL, FAKE, FAKE]


def face(side: float) -> Face:
    return cast(Face, SimpleNamespace(box=np.array([0, 0, side, side], np.float32)))


def on_image(rule: Verdict, *scores: tuple[float, float]) -> Answer:
    """Return the answer on faces of (p_fake, distance), each larger than the one before."""
    found = [FaceScore(p_fake, away, JUDGE.answer(p_fake, away, 1.0)) for p_fake, away in scores]
    return image_answer(rule, [face(10.0 + number) for number in range(len(scores))], found, JUDGE)


@pytest.mark.parametrize(
    ("rule", "scores", "expected"),
    [
        ("max", [(0.1, 1), (0.9, 1)], FAKE),
        ("max", [(0.9, 1), (0.5, 1), (0.9, 3)], FAKE),  # one clear fake is enough
        ("max", [(0.1, 1), (0.5, 1)], Answer("unsure", BORDERLINE)),
        ("max", [(0.1, 1), (0.5, 1), (0.9, 3)], Answer("unsure", UNFAMILIAR)),
        ("max", [(0.1, 1), (0.2, 1)], REAL),
        ("largest", [(0.9, 1), (0.1, 1)], REAL),
        ("largest", [(0.1, 1), (0.1, 3)], Answer("unsure", UNFAMILIAR)),
        ("mean", [(0.9, 1), (0.6, 1)], FAKE),
        ("mean", [(0.9, 1), (0.1, 1)], Answer("unsure", BORDERLINE)),
        ("mean", [(0.1, 1), (0.4, 1)], REAL),
        ("mean", [(0.1, 1), (0.1, 3)], Answer("unsure", UNFAMILIAR)),
    ],
)
def test_an_image_is_answered_by_its_faces(rule: Verdict, scores: Any, expected: Answer) -> None:
    assert on_image(rule, *scores) == expected


def test_a_card_s_bounds_become_those_of_its_judge() -> None:
    answers = Answers(real_below=0.2, fake_from=0.8, rate=0.05, unfamiliar_from=3.0, low_quality_below=0.25)
    assert judge_of(answers) == Judge(0.5, 0.2, 0.8, 3.0, 0.25)
    assert judge_of(None, 0.4) == Judge(0.4, 0.4, 0.4)
