"""SHAP values of parts of a face (Lundberg and Lee, 2017, arXiv:1705.07874), by the partition explainer of `shap`.

It halves the face again and again, and shares out what a half adds to the logit among its parts, so that all values and
the logit of the blurred face are the logit. What is hidden is blurred, not grey.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.params import FauxfaceError

Map = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Logits = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

EVALUATIONS = 400  # predictions of a face
BATCH = 64
BLUR = 6  # of what is hidden: the side divided by so many


def shap_map(crop: Pixels, logits: Logits, evaluations: int = EVALUATIONS) -> tuple[Map, float]:
    """Return (side, side) of what each pixel adds to the logit of `crop` (side, side, 3), and what is left of it.

    `logits` takes crops (n, side, side, 3) and returns (n,). Raises FauxfaceError where the extra is not installed.
    """
    shap = _library()
    blurred = cv2.GaussianBlur(crop, (0, 0), crop.shape[0] / BLUR)

    def scored(crops: NDArray[Any]) -> NDArray[np.float64]:
        return logits(np.asarray(crops, np.uint8)).astype(np.float64)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Numba, about types that it will not know one day
        masker = shap.maskers.Image(blurred, crop.shape)
        explainer = shap.PartitionExplainer(scored, masker)
        found = explainer(crop[np.newaxis], max_evals=evaluations, batch_size=BATCH, silent=True)
    values = np.asarray(found.values[0], np.float64).reshape(crop.shape)
    return values.sum(axis=-1), float(np.ravel(found.base_values)[0])


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import shap
    except ModuleNotFoundError:
        raise FauxfaceError("--method shap needs the extra `shap`: pip install 'fauxface[shap]'.") from None
    return shap
