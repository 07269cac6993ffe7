"""A model that says where in a face its evidence lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.explanation.exact import ExactNetwork
from tasks.explanation.methods import EXACT, METHODS, OCCLUSION, SHAP, Found
from tasks.explanation.occlusion import occlusion_map
from tasks.explanation.shapley import shap_map
from tasks.explanation.tail import NotLinearError
from tasks.imaging.resize import resize_to
from tasks.params import FauxfaceError
from tasks.scoring.card import SCORER, ModelCard, is_packaged
from tasks.scoring.classifier import Classifier
from tasks.scoring.folder import Folder

if TYPE_CHECKING:
    import keras

    from tasks.explanation.keras_maps import KerasMaps

SIDE = 32  # positions of an exact map that is kept, in each direction


@dataclass(frozen=True)
class Explained:
    """A face's evidence: `map` (side, side), positive for fake, in units of the logit (see METHODS).

    Of methods that add up the map's mean and the `constant` make the logit; of others the constant is None. `panels`
    are further maps by their captions.
    """

    logit: float
    p_fake: float
    method: str
    map: NDArray[np.float64]
    constant: float | None
    panels: tuple[tuple[str, NDArray[np.float64]], ...] = ()


class Explainer:
    """Explains faces by a model's exported network alone, and by its Keras form where the method needs that."""

    def __init__(self, folder: Path, classifier: Classifier, layer: str | None = None) -> None:
        """Explain by the model in `folder`, which `classifier` was loaded from.

        `layer` is the convolution that Grad-CAM and its like look at, by default the last.
        """
        self._folder = folder
        self._classifier = classifier
        self._layer = layer

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._classifier.card

    @property
    def folder(self) -> Path:
        """The model's folder."""
        return self._folder

    @cached_property
    def _exact(self) -> ExactNetwork:
        return ExactNetwork(self._folder / SCORER, self._size)

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that need no Keras, the best first; the exact one needs a network whose tail is linear."""
        try:
            _ = self._exact
        except NotLinearError:
            return (OCCLUSION, SHAP)
        return (EXACT, OCCLUSION, SHAP)

    def explain(self, crops: Sequence[NDArray[np.uint8]], method: str | None = None) -> list[Explained]:
        """Explain crops (side, side, 3) uint8 RGB, by default with the best method that the model allows.

        Raises NotLinearError for `exact` where there is no such map, FauxfaceError where a method does not suit it.
        """
        if not len(crops):
            return []
        wanted = method or self.methods[0]
        explain = self.by(wanted)
        found = [explain(resize_to(crop, self._size)) for crop in crops]
        p_fake = self._classifier.calibrated(np.array([each.logit for each in found], np.float32))
        return [
            Explained(each.logit, float(p), wanted, each.map, each.constant, each.panels)
            for each, p in zip(found, p_fake, strict=True)
        ]

    def by(self, method: str) -> Callable[[NDArray[np.uint8]], Found]:
        """Return what explains one face of the network's size by the method; raises FauxfaceError for no method."""
        if method not in METHODS:
            raise FauxfaceError(f"method: {method!r} is none of {', '.join(METHODS)}.")
        if METHODS[method].keras:
            return self._by_keras(method)
        return {EXACT: self._by_network, OCCLUSION: self._by_occlusion, SHAP: self._by_shap}[method]

    def logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (n,) of crops (n, side, side, 3)."""
        return self._classifier.logits(crops)

    def p_fake(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the calibrated probability of being fake of each crop, (n,) float32."""
        return self._classifier.p_fake(np.stack(crops)) if len(crops) else np.empty(0, np.float32)

    @property
    def keras_model(self) -> keras.Model:
        """The Keras form that the methods of Keras explain by."""
        return self._keras.network.model

    @property
    def size(self) -> int:
        """Pixels of the network's input."""
        return self._size

    @property
    def _size(self) -> int:
        return self._classifier.card.input_size

    @cached_property
    def _keras(self) -> KerasMaps:
        from tasks.training.fitting.backend import prepare_backend

        prepare_backend()
        from tasks.explanation.keras_maps import KerasMaps
        from tasks.explanation.keras_run import Network

        return KerasMaps(Network(keras_network(self._folder)), self._layer)

    def _by_keras(self, method: str) -> Callable[[NDArray[np.uint8]], Found]:
        """Of two networks that answer together (the reference model) Keras has one; the logit is that of both."""
        explain, size = self._keras.methods[method], int(self.keras_model.input_shape[1])
        if size == self._size:
            return explain
        return lambda face: explain(resize_to(face, size))._replace(logit=self._logit(face), constant=None)

    def _by_network(self, face: NDArray[np.uint8]) -> Found:
        found = self._exact.explain(face)
        return Found(found.logit, found.map(SIDE) * SIDE**2, found.constant)

    def _by_occlusion(self, face: NDArray[np.uint8]) -> Found:
        return Found(self._logit(face), occlusion_map(face, self.logits))

    def _by_shap(self, face: NDArray[np.uint8]) -> Found:
        values, left = shap_map(face, self.logits)
        return Found(self._logit(face), values * values.size, left)

    def _logit(self, face: NDArray[np.uint8]) -> float:
        return float(self.logits(face[np.newaxis])[0])


def explainer_of(url: str, layer: str | None = None) -> Explainer:
    """Return what explains faces by the verified model in the folder `url`; raises FauxfaceError for a remote one."""
    folder = Folder(url)
    if not folder.local:
        raise FauxfaceError(f"{url}: a model to explain by has to lie on this machine. Copy its folder here.")
    return Explainer(Path(folder.path), Classifier.load(Path(folder.path)), layer)


def keras_network(folder: Path) -> keras.Model:
    """Return the Keras form of a model; that of the reference model has weights rounded to float16."""
    from tasks.training.networks.network_file import load_keras
    from tasks.training.networks.zoo import build_network

    if is_packaged(str(folder)):
        from tasks.scoring.card import load_card

        card = load_card(folder)
        return build_network(
            card.recipe["network"], card.recipe["input_size"], card.recipe["network_arguments"], "reference"
        )
    return load_keras(folder)[0]
