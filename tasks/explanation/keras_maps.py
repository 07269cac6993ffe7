"""Maps of a network in its Keras form: from the logit, signed, as densities like those of the exact map.

A density is what the logit would be moved by, were the whole face so: its mean over a face is what the face adds. No
map is rectified, since what speaks for real is evidence as well.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from keras import ops
from numpy.typing import NDArray

from tasks.explanation.keras_path import Way
from tasks.explanation.keras_run import Network, gradient, rectifies
from tasks.explanation.methods import Found, Map
from tasks.params import FauxfaceError
from tasks.training.networks.zoo import linear_layer

Pixels = NDArray[np.uint8]

LAST = 10  # convolutions side by side
CHANNELS = 8  # feature maps side by side
BLUR = 6  # of the face that integrated gradients begin with: the side divided by so many
MOST_STEPS = 400


class KerasMaps:
    """The methods for a Keras network that gives p_fake; `layer` is the convolution of Grad-CAM and its like."""

    def __init__(self, network: Network, layer: str | None = None) -> None:
        """Explain by `network`; raises FauxfaceError where it has no convolution of the name `layer`."""
        self.network = network
        if layer is not None and layer not in network.convolutions:
            raise FauxfaceError(f"--layer {layer}: is no convolution; there are {', '.join(network.convolutions)}.")
        self._layer = layer or network.convolutions[-1]
        self.methods: dict[str, Callable[[Pixels], Found]] = {
            "cam": self.cam,
            "gradcam": self.gradcam,
            "gradcam10": self.gradcam10,
            "hirescam": self.hirescam,
            "guided": self.guided,
            "guided_gradcam": self.guided_gradcam,
            "integrated": self.integrated,
            "features": self.features,
        }

    def cam(self, face: Pixels) -> Found:
        """Zhou et al., 2016: raises FauxfaceError where the verdict is not on the means of the last maps alone."""
        seen = self.network.pooled
        kernel, bias = (np.asarray(ops.convert_to_numpy(each)) for each in linear_layer(self.network.model).weights)
        if seen is None or kernel.shape[1] > 1:
            raise FauxfaceError(
                "--method cam: the verdict is not on the means of the last maps; take exact or gradcam."
            )
        maps = self.network.maps(face[np.newaxis].astype(np.float32), [seen])[seen][0].astype(np.float64)
        return Found(self._logit(face), maps @ kernel[:, 0], float(bias[0]))

    def gradcam(self, face: Pixels) -> Found:
        """Selvaraju et al., 2017."""
        return Found(self._logit(face), self._gradcam(face, self._layer))

    def gradcam10(self, face: Pixels) -> Found:
        """Grad-CAM of each of the last convolutions."""
        names = self.network.convolutions[: -LAST - 1 : -1]
        panels = tuple((name, self._gradcam(face, name)) for name in names)
        return Found(self._logit(face), panels[0][1], panels=panels)

    def hirescam(self, face: Pixels) -> Found:
        """Draelos and Carin, 2020: the gradient of each place, not of the mean over all."""
        maps, gradients = self._maps_and_gradients(face, self._layer)
        return Found(self._logit(face), (maps * gradients).sum(axis=-1) * maps[..., 0].size)

    def guided(self, face: Pixels) -> Found:
        """Springenberg et al., 2015: of the logit, less that of its negative, whose evidence is for real."""
        return Found(self._logit(face), self._guided(face))

    def guided_gradcam(self, face: Pixels) -> Found:
        """Guided backpropagation by the strength of Grad-CAM, which says where."""
        fine, coarse = self._guided(face), self._gradcam(face, self._layer)
        strength = np.abs(cv2.resize(coarse, fine.shape[::-1], interpolation=cv2.INTER_LINEAR))
        return Found(self._logit(face), fine * strength)

    def integrated(self, face: Pixels) -> Found:
        """Sundararajan et al., 2017, from the blurred face, whose logit is the constant."""
        start = cv2.GaussianBlur(face, (0, 0), face.shape[0] / BLUR).astype(np.float32)
        way = Way(self.network, start, face.astype(np.float32))
        while not way.close_enough() and len(way.widths) < MOST_STEPS:
            way.refine()
        values = way.integral().sum(axis=-1)
        return Found(self._logit(face), values * values.size, self._logit(start))

    def features(self, face: Pixels) -> Found:
        """The channels of a convolution that add most to the logit."""
        maps, gradients = self._maps_and_gradients(face, self._layer)
        parts = maps * gradients.mean(axis=(0, 1)) * maps[..., 0].size
        strongest = np.argsort(-np.abs(parts.mean(axis=(0, 1))), kind="stable")[:CHANNELS]
        panels = tuple((f"{self._layer} {channel}", parts[..., channel]) for channel in strongest.tolist())
        return Found(self._logit(face), parts.sum(axis=-1), panels=panels)

    def _logit(self, face: NDArray[np.generic]) -> float:
        logits = self.network.logits(ops.convert_to_tensor(face[np.newaxis].astype(np.float32)))
        return float(np.asarray(ops.convert_to_numpy(logits))[0])

    def _gradcam(self, face: Pixels, name: str) -> Map:
        maps, gradients = self._maps_and_gradients(face, name)
        return np.asarray((maps * gradients.mean(axis=(0, 1))).sum(axis=-1) * maps[..., 0].size)

    def _maps_and_gradients(self, face: Pixels, name: str) -> tuple[Map, Map]:
        """Return the maps (h, w, channels) that the convolution `name` leads to, and the logit's gradients there."""
        seen = self.network.activated(name)
        pixels = face[np.newaxis].astype(np.float32)
        maps = self.network.maps(pixels, [seen])[seen]
        picture = ops.convert_to_tensor(pixels)
        found = gradient(lambda added: self.network.logits(picture, {seen: added}), np.zeros_like(maps))
        return maps[0].astype(np.float64), found[0].astype(np.float64)

    def _guided(self, face: Pixels) -> Map:
        if not rectifies(self.network):
            raise FauxfaceError(
                "--method guided: this network has no rectifiers, without which it is the plain gradient."
            )
        pixels = face[np.newaxis].astype(np.float32)
        fake = gradient(lambda values: self.network.logits(values, guided=True), pixels)
        real = gradient(lambda values: -self.network.logits(values, guided=True), pixels)
        return np.asarray((fake - real)[0].sum(axis=-1) * face[..., 0].size, np.float64)
