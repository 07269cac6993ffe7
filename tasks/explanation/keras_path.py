"""Gradients along the straight way from one picture to another, taken closer where the logit bends."""

from __future__ import annotations

import numpy as np
from keras import ops
from numpy.typing import NDArray

from tasks.explanation.keras_run import Network, Values, gradient

FIRST, AT_ONCE = 16, 16  # steps to begin with, gradients at once
TOLERANCE = 0.01  # of the difference between the two logits
HALF = 0.5


class Way:
    """Steps with the gradient in the middle of each: what a step adds is to be what the logit rises by there."""

    def __init__(self, network: Network, start: Values, end: Values) -> None:
        """Take the first steps from `start` to `end`, (side, side, 3) each."""
        self._network, self._start, self._way = network, start, end - start
        edges = np.linspace(0, 1, FIRST + 1)
        self._logits: dict[float, float] = {}
        self.firsts, self.widths = edges[:-1], np.diff(edges)
        self._gradients = self._gradients_at(self.firsts + HALF * self.widths)
        self._errors = self._missed()

    def close_enough(self) -> bool:
        """Return whether all steps together are right to half of TOLERANCE, so that rounding does not matter."""
        total = abs(self._logits[1.0] - self._logits[0.0])
        return abs(float(self._errors.sum())) <= HALF * TOLERANCE * total

    def refine(self) -> None:
        """Halve the steps that are wrong by more than the mean."""
        wrong = np.abs(self._errors) >= np.abs(self._errors).mean()
        firsts, widths = self.firsts[wrong], HALF * self.widths[wrong]
        firsts = np.concatenate([firsts, firsts + widths])
        widths = np.concatenate([widths, widths])
        found = self._gradients_at(firsts + HALF * widths)
        self.firsts, self.widths = np.append(self.firsts[~wrong], firsts), np.append(self.widths[~wrong], widths)
        self._gradients = np.concatenate([self._gradients[~wrong], found])
        self._errors = self._missed()

    def integral(self) -> NDArray[np.float64]:
        """Return what each value of the picture adds to the logit, (side, side, 3)."""
        return np.asarray(np.tensordot(self.widths, self._gradients, 1) * self._way, np.float64)

    def _missed(self) -> NDArray[np.float64]:
        added = self.widths * np.tensordot(self._gradients, self._way, 3)
        ends = self.firsts + self.widths
        self._look(np.append(self.firsts, ends))
        rises = [self._logits[last] - self._logits[first] for first, last in zip(self.firsts, ends, strict=True)]
        return np.asarray(added - np.array(rises))

    def _look(self, places: NDArray[np.float64]) -> None:
        new = [place for place in np.unique(places).tolist() if place not in self._logits]
        for at in range(0, len(new), AT_ONCE):
            few = new[at : at + AT_ONCE]
            logits = self._network.logits(ops.convert_to_tensor(self._points(np.array(few))))
            self._logits.update(zip(few, np.asarray(ops.convert_to_numpy(logits), np.float64).tolist(), strict=True))

    def _gradients_at(self, places: NDArray[np.float64]) -> Values:
        batches = [places[at : at + AT_ONCE] for at in range(0, len(places), AT_ONCE)]
        return np.concatenate([gradient(self._network.logits, self._points(few)) for few in batches])

    def _points(self, places: NDArray[np.float64]) -> Values:
        return np.asarray(self._start + places[:, None, None, None] * self._way, np.float32)
