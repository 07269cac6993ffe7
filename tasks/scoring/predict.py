"""The verdict on single images, without an archive or a Parquet file around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from tasks.detection.onepass import ImageResult
from tasks.scoring.classifier import Classifier

IMAGES_PER_BATCH = 32


def predict(results: Iterable[ImageResult], classifier: Classifier) -> Iterator[tuple[ImageResult, list[float]]]:
    """Yield each image with the calibrated p_fake of its faces, the faces of many images classified together."""
    stream = iter(results)
    while batch := list(islice(stream, IMAGES_PER_BATCH)):
        crops = [face.rgb for result in batch for face in result.faces]
        p_fake = iter(classifier.p_fake(np.stack(crops)).tolist() if crops else ())
        for result in batch:
            yield result, list(islice(p_fake, len(result.faces)))
