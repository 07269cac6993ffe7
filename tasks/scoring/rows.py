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
from tasks.scoring.verdict import image_p_fake


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
    faces = [face.rgb for result in results for face in result.faces]
    p_fake = iter(classifier.p_fake(np.stack(faces)).tolist() if faces else ())
    card = classifier.card
    threshold = card.threshold_by(threshold_rule)
    shared = {
        "archive": archive,
        "verdict_rule": rule,
        "threshold_rule": threshold_rule,
        "model_id": card.model_id,
    }
    rows: list[Row] = []
    for index, result in zip(indices, results, strict=True):
        scores = list(islice(p_fake, len(result.faces)))
        rows += _rows_of(result, scores, {**shared, "index": index}, rule, threshold)
    return rows


def _rows_of(
    result: ImageResult, p_fake: Sequence[float], shared: Row, rule: Verdict, threshold: float
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
    }
    if not result.faces:
        yield {**dict.fromkeys(SCORES.names), **image}
        return
    verdict = image_p_fake(rule, result.faces, p_fake)
    image |= {"image_p_fake": verdict, "image_is_fake": verdict >= threshold}
    for face, score in zip(result.faces, p_fake, strict=True):
        yield {**image, **face_columns(face), "p_fake": score, "is_fake": score >= threshold}
