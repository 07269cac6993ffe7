"""The verdict on single images, without an archive or a Parquet file around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from tasks.detection.onepass import ImageResult
from tasks.scoring.classifier import Classifier
from tasks.scoring.rows import judged_faces
from tasks.scoring.verdict import FaceScore, Judge

IMAGES_PER_BATCH = 32


def predict(
    results: Iterable[ImageResult], classifier: Classifier, judge: Judge
) -> Iterator[tuple[ImageResult, list[FaceScore]]]:
    """Yield each image with score and answer of its faces, the faces of many images classified together."""
    stream = iter(results)
    while batch := list(islice(stream, IMAGES_PER_BATCH)):
        scores = iter(judged_faces(batch, classifier, judge))
        for result in batch:
            yield result, list(islice(scores, len(result.faces)))
