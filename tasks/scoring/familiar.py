"""How far a face is from all that a network was trained on, in the features that its verdict is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tasks.params import FauxfaceError

Float = NDArray[np.float32]

AXES = 64  # directions with a spread of their own; in the others the features spread alike
SMALLEST = 1e-6  # variance of features that are always the same


@dataclass(frozen=True)
class Familiarity:
    """Distance of features (n, d) from the nearer of two classes, in units of the spread within the classes.

    The covariance that both classes share is that of probabilistic principal components (Tipping and Bishop, 1999):
    `axes` (k, d), orthonormal, with the variances `spread` (k,), and one variance `rest` (1,) everywhere else; so a few
    hundred faces are enough for a thousand features. The distance to the nearest class's mean (`means`, (2, d)) under
    it tells faces of other origins (Lee and others, 2018, "A Simple Unified Framework for Detecting
    Out-of-Distribution Samples and Adversarial Attacks").
    """

    means: Float
    axes: Float
    spread: Float
    rest: Float

    @classmethod
    def fit(cls, features: NDArray[np.floating], labels: NDArray[np.integer]) -> Familiarity:
        """Return what is familiar of the features (n, d) of faces with labels (n,), both classes present."""
        values = np.asarray(features, np.float64)
        means = np.stack([values[labels == label].mean(axis=0) for label in (0, 1)])
        within = values - means[np.asarray(labels, np.int64)]
        _, lengths, axes = np.linalg.svd(within, full_matrices=False)
        variances = lengths**2 / len(values)
        kept = min(AXES, len(variances) - 1)
        rest = variances[kept:].sum() / max(values.shape[1] - kept, 1)
        arrays = (means, axes[:kept], np.maximum(variances[:kept], SMALLEST), np.array([max(rest, SMALLEST)]))
        return cls(*(np.ascontiguousarray(array, np.float32) for array in arrays))

    def distance(self, features: NDArray[np.floating]) -> Float:
        """Return the distance (n,) of features (n, d): about 1 for faces like those that it was fitted to."""
        values = np.asarray(features, np.float64)
        squares = [self._squared(values - mean) for mean in self.means]
        return np.asarray(np.sqrt(np.min(squares, axis=0) / values.shape[1]), np.float32)

    def _squared(self, away: NDArray[np.float64]) -> NDArray[np.float64]:
        along = away @ self.axes.T.astype(np.float64)
        beside = np.maximum((away**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        return np.asarray((along**2 / self.spread).sum(axis=1) + beside / self.rest[0], np.float64)

    def save(self, path: Path) -> None:
        """Write the four arrays as safetensors, which holds no code."""
        save_file(vars(self), path)

    @classmethod
    def load(cls, path: Path) -> Familiarity:
        """Return what `save` wrote; raises FauxfaceError for a file that is something else."""
        try:
            return cls(**load_file(path))
        except (OSError, SafetensorError, TypeError) as error:
            raise FauxfaceError(f"{path}: cannot be read ({error}). Train again or fetch it with `dvc pull`.") from None
