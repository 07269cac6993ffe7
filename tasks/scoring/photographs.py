"""Photographs of a user, scored one by one as a scoring would, for what all of them together tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks.detection.onepass import faces_of, shared_detector
from tasks.params import ScoreParams
from tasks.scoring.classifier import Classifier
from tasks.scoring.predict import predict
from tasks.scoring.verdict import LOW_QUALITY, UNFAMILIAR, Judge, image_answer, image_p_fake
from tasks.sources import Member, Source

SHARD = 500  # inputs that are opened together


@dataclass
class Photographs:
    """`p_fake` of each different picture with a face; `status`: inputs by what became of them; `copies` of a file count
    once; `unjudged`: pictures that are `unsure` wherever the threshold lies.
    """

    p_fake: list[float] = field(default_factory=list)
    status: Counter[str] = field(default_factory=Counter)
    copies: int = 0
    unjudged: int = 0


def score_photographs(source: Source, classifier: Classifier, settings: ScoreParams) -> Photographs:
    """Take all inputs of a source through the one pass and the classifier; one at a time is held."""
    found, seen = Photographs(), set[str]()
    judge, crop = Judge.of(classifier.card, settings.threshold), classifier.card.crop
    results = faces_of(_members(source), crop, settings.keep, shared_detector(crop), 0)
    for result, scores in predict(results, classifier, judge):
        found.status[str(result.status)] += 1
        if not result.faces or result.image_id is None:
            continue
        if result.image_id in seen:
            found.copies += 1
            continue
        seen.add(result.image_id)
        found.p_fake.append(image_p_fake(settings.verdict, result.faces, [score.p_fake for score in scores]))
        answer = image_answer(settings.verdict, result.faces, scores, judge)
        found.unjudged += answer.reason in (LOW_QUALITY, UNFAMILIAR)
    return found


def _members(source: Source) -> Iterator[Member]:
    for shard in source.shards(SHARD):
        yield from shard.read()
