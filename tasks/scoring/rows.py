"""From the one pass's results to the rows of a scoring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from tasks.detection.columns import face_columns
from tasks.detection.onepass import ImageResult
from tasks.manifests.parts import Row
from tasks.manifests.schemas import SCORES
from tasks.params.models import ThresholdRule, Verdict
from tasks.scoring.classifier import Classifier
from tasks.scoring.verdict import FaceScore, Judge, image_answer, image_p_fake


def score_rows(
    results: Sequence[ImageResult],
    indices: Sequence[int],
    archive: str,
    classifier: Classifier,
    rule: Verdict,
    threshold_rule: ThresholdRule,
) -> list[Row]:
    """Classify all faces of `results` in one batch; one row per face, one with nulls for an image without a face.

    `indices` are the inputs' places in the source; `rule` makes an image's verdict of its faces'; `threshold_rule`
    says which of the model's thresholds decides.
    """
    card = classifier.card
    judge = Judge.of(card, threshold_rule)
    found = iter(judged_faces(results, classifier, judge))
    shared = {
        "archive": archive,
        "verdict_rule": rule,
        "threshold_rule": threshold_rule,
        "model_id": card.model_id,
    }
    rows: list[Row] = []
    for index, result in zip(indices, results, strict=True):
        scores = list(islice(found, len(result.faces)))
        rows += _rows_of(result, scores, {**shared, "index": index}, rule, judge)
    return rows


def judged_faces(results: Sequence[ImageResult], classifier: Classifier, judge: Judge) -> list[FaceScore]:
    """Return score and answer for all faces of images, one after the other."""
    faces = [face for result in results for face in result.faces]
    if not faces:
        return []
    return classifier.judged(np.stack([face.rgb for face in faces]), [face.quality for face in faces], judge)


def _rows_of(
    result: ImageResult, scores: Sequence[FaceScore], shared: Row, rule: Verdict, judge: Judge
) -> Iterator[Row]:
    image = {
        **shared,
        "member": result.member,
        "image_id": result.image_id,
        "status": str(result.status),
        "error": result.error,
        "width": result.width,
        "height": result.height,
        "frames": result.frames,
        "n_faces": result.n_faces,
        "provenance": result.provenance,
    }
    if not result.faces:
        yield {**dict.fromkeys(SCORES.names), **image}
        return
    image |= image_columns(result, scores, rule, judge)
    for face, score in zip(result.faces, scores, strict=True):
        yield {**image, **face_columns(face), **answer_columns(score, judge)}


def image_columns(result: ImageResult, scores: Sequence[FaceScore], rule: Verdict, judge: Judge) -> Row:
    """Return the columns of the verdict on an image; nothing for one without a face."""
    if not result.faces:
        return {}
    p_fake = image_p_fake(rule, result.faces, [score.p_fake for score in scores])
    answer = image_answer(rule, result.faces, scores, judge)
    return {"image_p_fake": p_fake, "image_is_fake": judge.is_fake(p_fake), "image_verdict": answer.verdict}


def answer_columns(score: FaceScore, judge: Judge) -> Row:
    """Return the columns of what a model says of a face; `distance` from the faces trained on, where it tells."""
    return {
        "p_fake": score.p_fake,
        "is_fake": judge.is_fake(score.p_fake),
        "distance": score.distance,
        "verdict": score.answer.verdict,
        "verdict_reason": score.answer.reason,
    }
