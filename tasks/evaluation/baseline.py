"""The trivial-feature baseline: what a file's outward facts alone give away about its label.

Where it comes near the model's figures, the data can be told apart without looking at a face, and the model may have
learnt just that.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

FEATURES = ("width", "height", "file_bytes", "jpeg_quality", "format", "sharpness", "corner_variance")


class TrivialBaseline:
    """Gradient-boosted trees on FEATURES: any threshold or combination is found, missing values are no obstacle.

    A feature that no training row has (no PNG has a JPEG quality) is not looked at: the trees cannot be fitted to one.
    """

    def __init__(self, seed: int = 0) -> None:
        self._trees = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=seed)
        self._formats: dict[str, int] = {}
        self._known: NDArray[np.bool_] = np.ones(len(FEATURES), bool)

    def fit(self, rows: pd.DataFrame) -> TrivialBaseline:
        """Learn from rows with FEATURES and `label`; both labels must occur."""
        self._formats = {name: code for code, name in enumerate(sorted(rows["format"].dropna().unique()))}
        features = self._features(rows)
        self._known = np.asarray(~np.isnan(features).all(axis=0))
        with threadpool_limits(1):  # so few numbers cost more to share among threads than to compute
            self._trees.fit(features[:, self._known], rows["label"].to_numpy())
        return self

    def p_fake(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return the probability of label 1 for each row, (n,)."""
        with threadpool_limits(1):
            return np.asarray(self._trees.predict_proba(self._features(rows)[:, self._known])[:, 1], np.float64)

    def _features(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return FEATURES as numbers, (n, 7); a format unseen in training and whatever is missing are NaN."""
        columns = [
            rows[name].map(self._formats) if name == "format" else rows[name].astype("float64") for name in FEATURES
        ]
        return np.column_stack([column.to_numpy(np.float64, na_value=np.nan) for column in columns])
