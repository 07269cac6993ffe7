"""A model that says where in a face its evidence lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.explanation.exact import ExactNetwork
from tasks.explanation.occlusion import occlusion_map
from tasks.explanation.tail import NotLinearError
from tasks.imaging.resize import resize_to
from tasks.params import FauxfaceError
from tasks.scoring.card import SCORER, ModelCard
from tasks.scoring.classifier import Classifier
from tasks.scoring.folder import Folder

Method = Literal["exact", "occlusion"]
METHODS: dict[Method, str] = {
    "exact": "what each position of the last maps adds to the logit; with the constant it is the logit",
    "occlusion": "by how much the logit falls where a window is filled from its surroundings",
}
UNITS: dict[Method, str] = {
    "exact": "of the logit, were it so over the whole face",
    "occlusion": "by which the logit falls where it is hidden",
}
SIDE = 32  # positions of an exact map that is kept, in each direction
# The least that gets the full colour, in units of the logit: what is far below it is shown as none.
LEAST: dict[Method, float] = {"exact": 0.5, "occlusion": 0.2}


@dataclass(frozen=True)
class Explained:
    """A face's evidence: `map` (side, side), positive for fake, in units of the logit (see UNITS).

    Of `exact` the map's mean and the `constant` make the logit; of others the constant is None.
    """

    logit: float
    p_fake: float
    method: Method
    map: NDArray[np.float64]
    constant: float | None


class Explainer:
    """Explains faces by a model's exported network alone, without Keras."""

    def __init__(self, folder: Path, classifier: Classifier) -> None:
        """Explain by the model in `folder`, which `classifier` was loaded from."""
        self._folder = folder
        self._classifier = classifier

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._classifier.card

    @cached_property
    def _exact(self) -> ExactNetwork:
        return ExactNetwork(self._folder / SCORER, self._classifier.card.recipe["input_size"])

    @property
    def methods(self) -> tuple[Method, ...]:
        """Those that this model allows, the best first; the exact one needs a network whose tail is linear."""
        try:
            _ = self._exact
        except NotLinearError:
            return ("occlusion",)
        return ("exact", "occlusion")

    def explain(self, crops: Sequence[NDArray[np.uint8]], method: Method | None = None) -> list[Explained]:
        """Explain crops (side, side, 3) uint8 RGB, by default with the best method that the model allows.

        Raises NotLinearError for `exact` where there is no such map.
        """
        if not len(crops):
            return []
        wanted = method or self.methods[0]
        explain: Callable[[NDArray[np.uint8]], tuple[float, NDArray[np.float64], float | None]]
        explain = self._by_network if wanted == "exact" else self._by_occlusion
        found = [explain(resize_to(crop, self._size)) for crop in crops]
        p_fake = self._classifier.calibrated(np.array([logit for logit, _, _ in found], np.float32))
        return [
            Explained(logit, float(p), wanted, evidence, constant)
            for (logit, evidence, constant), p in zip(found, p_fake, strict=True)
        ]

    @property
    def _size(self) -> int:
        return int(self._classifier.card.recipe["input_size"])

    def _by_network(self, face: NDArray[np.uint8]) -> tuple[float, NDArray[np.float64], float | None]:
        found = self._exact.explain(face)
        return found.logit, found.map(SIDE) * SIDE**2, found.constant

    def _by_occlusion(self, face: NDArray[np.uint8]) -> tuple[float, NDArray[np.float64], float | None]:
        logit = float(self._classifier.logits(face[np.newaxis])[0])
        return logit, occlusion_map(face, self._classifier.logits), None


def explainer_of(url: str) -> Explainer:
    """Return what explains faces by the verified model in the folder `url`; raises FauxfaceError for a remote one."""
    folder = Folder(url)
    if not folder.local:
        raise FauxfaceError(f"{url}: a model to explain by has to lie on this machine. Copy its folder here.")
    return Explainer(Path(folder.path), Classifier.load(Path(folder.path)))
