"""From the one pass's results to the rows of a scoring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tasks.detection.columns import box_columns
from tasks.detection.onepass import Face, ImageResult
from tasks.manifests.parts import Row
from tasks.scoring.classifier import Classifier

_NO_FACE = dict.fromkeys(
    [
        "face_index",
        "box_x",
        "box_y",
        "box_width",
        "box_height",
        "detection_confidence",
        "landmarks",
        "p_fake",
        "is_fake",
    ]
)


def score_rows(results: Sequence[ImageResult], archive: str, classifier: Classifier) -> list[Row]:
    """Classify all faces of `results` in one batch; one row per face, one with nulls for an image without a face."""
    faces = [face.rgb for result in results for face in result.faces]
    p_fake = iter(classifier.p_fake(np.stack(faces)) if faces else ())
    return [row for result in results for row in _rows_of(result, archive, classifier, p_fake)]


def _rows_of(
    result: ImageResult, archive: str, classifier: Classifier, p_fake: Iterator[npt.NDArray[np.float32]]
) -> list[Row]:
    image = {
        "archive": archive,
        "member": result.member,
        "image_id": result.image_id,
        "status": str(result.status),
        "error": result.error,
        "width": result.width,
        "height": result.height,
        "n_faces": result.n_faces,
        "model_id": classifier.card.model_id,
    }
    if not result.faces:
        return [{**image, **_NO_FACE}]
    return [{**image, **_face(face, float(next(p_fake)), classifier.card.threshold)} for face in result.faces]


def _face(face: Face, p_fake: float, threshold: float) -> Row:
    return {**box_columns(face), "p_fake": p_fake, "is_fake": p_fake >= threshold}
