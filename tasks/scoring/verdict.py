"""From scores to answers: `real`, `fake` or `unsure` for a face, and one verdict on an image from its faces'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tasks.detection.onepass import Face
from tasks.params.models import ThresholdRule, Verdict
from tasks.scoring.card import ModelCard

REAL, FAKE, UNSURE = "real", "fake", "unsure"
# Why an answer is `unsure`, the reason that weighs most first.
LOW_QUALITY, UNFAMILIAR, BORDERLINE = "low_quality", "unfamiliar", "borderline"
REASONS = (LOW_QUALITY, UNFAMILIAR, BORDERLINE)


class Answer(NamedTuple):
    """`verdict`: real, fake or unsure; `reason`: why it is unsure, else None."""

    verdict: str
    reason: str | None


@dataclass(frozen=True)
class FaceScore:
    """What a model says of a face: calibrated p_fake, distance from the faces trained on (None: unknown), answer."""

    p_fake: float
    distance: float | None
    answer: Answer


@dataclass(frozen=True)
class Judge:
    """A model's bounds at the threshold chosen: `fake` is at least `threshold`, `real` below it, whatever the bounds.

    So an answer never contradicts `is_fake`. A card without bounds leads to two answers.
    """

    threshold: float
    real_below: float
    fake_from: float
    unfamiliar_from: float = float("inf")
    low_quality_below: float = 0.0

    @classmethod
    def of(cls, card: ModelCard, rule: ThresholdRule) -> Judge:
        """Return what a card's bounds and the threshold named by a setting come to."""
        threshold, answers = card.threshold_by(rule), card.answers
        if answers is None:
            return cls(threshold, threshold, threshold)
        limit = float("inf") if answers.unfamiliar_from is None else answers.unfamiliar_from
        bounds = min(threshold, answers.real_below), max(threshold, answers.fake_from)
        return cls(threshold, *bounds, limit, answers.low_quality_below)

    def is_fake(self, p_fake: float) -> bool:
        """Return the answer of two."""
        return p_fake >= self.threshold

    def answer(self, p_fake: float, distance: float | None, quality: float) -> Answer:
        """Return the answer of three on a face of this quality at this distance from the faces trained on."""
        if quality < self.low_quality_below:
            return Answer(UNSURE, LOW_QUALITY)
        if distance is not None and distance >= self.unfamiliar_from:
            return Answer(UNSURE, UNFAMILIAR)
        return self.by_bounds(p_fake)

    def by_bounds(self, p_fake: float) -> Answer:
        """Return the answer that p_fake alone leads to."""
        if p_fake >= self.fake_from:
            return Answer(FAKE, None)
        return Answer(REAL, None) if p_fake < self.real_below else Answer(UNSURE, BORDERLINE)


def image_p_fake(rule: Verdict, faces: Sequence[Face], p_fake: Sequence[float]) -> float:
    """Return the p_fake of an image with at least one face: that of its most suspicious (`max`) or largest face
    (`largest`; of two alike the surer one), or the mean over its faces (`mean`); `p_fake` is that of each face.
    """
    if rule == "max":
        return max(p_fake)
    if rule == "mean":
        return float(np.float32(np.mean(p_fake)))
    return p_fake[_largest(faces)]


def image_answer(rule: Verdict, faces: Sequence[Face], scores: Sequence[FaceScore], judge: Judge) -> Answer:
    """Return the answer on an image with at least one face.

    `max`: fake with a fake face, else unsure with an unsure one. `largest`: that of the largest face. `mean`: by the
    mean p_fake, unless a face that it contains cannot be judged.
    """
    answers = [score.answer for score in scores]
    if rule == "largest":
        return answers[_largest(faces)]
    doubts = sorted((each for each in answers if each.reason), key=lambda each: REASONS.index(str(each.reason)))
    if rule == "mean":
        unjudged = [each for each in doubts if each.reason != BORDERLINE]
        mean = image_p_fake(rule, faces, [score.p_fake for score in scores])
        return unjudged[0] if unjudged else judge.by_bounds(mean)
    if any(each.verdict == FAKE for each in answers):
        return Answer(FAKE, None)
    return doubts[0] if doubts else Answer(REAL, None)


def _largest(faces: Sequence[Face]) -> int:
    areas = [float(face.box[2] * face.box[3]) for face in faces]
    return areas.index(max(areas))
