"""The methods by which a face can be explained: what a place of their maps says, and what is to be known of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float64]

EXACT, OCCLUSION, SHAP = "exact", "occlusion", "shap"
GUIDED_NOTE = "fails the randomisation check: it draws edges, whatever the weights (Adebayo et al., 2018)"


class About(NamedTuple):
    """A method: what the value of a place `says`, in which `unit`, the `least` that gets the full colour.

    What is far below `least` is shown as none. `keras`: it needs the Keras form of the network. `note` stands on its
    sheets.
    """

    says: str
    unit: str
    least: float
    keras: bool = False
    note: str = ""


class Found(NamedTuple):
    """What a method finds in a face: the logit, a map, positive for fake, and more maps with their captions.

    `constant`: what with the map's mean makes the logit, of methods that add up.
    """

    logit: float
    map: Map
    constant: float | None = None
    panels: tuple[tuple[str, Map], ...] = ()


_WHOLE_FACE = "of the logit, were it so over the whole face"
_GRADIENT = "of the logit for a grey level more, were it so over the whole face"

METHODS: dict[str, About] = {
    EXACT: About(
        "what each position of the last maps adds to the logit; with the constant it is the logit", _WHOLE_FACE, 0.5
    ),
    OCCLUSION: About(
        "by how much the logit falls where a window is filled from its surroundings",
        "by which the logit falls where it is hidden",
        0.2,
    ),
    SHAP: About(
        "what a part adds to the logit, on average over what else is hidden (partition values)", _WHOLE_FACE, 0.5
    ),
    "cam": About("class activation map: the last maps by the weights of their means", _WHOLE_FACE, 0.5, keras=True),
    "gradcam": About(
        "Grad-CAM of a convolution, by default the last: its maps by their mean gradients", _WHOLE_FACE, 0.5, keras=True
    ),
    "gradcam10": About("Grad-CAM of the last ten convolutions, the last one first", _WHOLE_FACE, 0.5, keras=True),
    "hirescam": About(
        "HiResCAM: the maps of a convolution by their gradients, place by place", _WHOLE_FACE, 0.5, keras=True
    ),
    "guided": About(
        "guided backpropagation: gradients without what speaks against", _GRADIENT, 0.05, keras=True, note=GUIDED_NOTE
    ),
    "guided_gradcam": About(
        "guided backpropagation where Grad-CAM of the last convolution is",
        "of both multiplied",
        0.05,
        keras=True,
        note=GUIDED_NOTE,
    ),
    "integrated": About(
        "integrated gradients from the blurred face: what each pixel's detail adds to the logit",
        _WHOLE_FACE,
        0.5,
        keras=True,
    ),
    "features": About(
        "the maps of the last convolution that add most to the logit, each by its mean gradient",
        _WHOLE_FACE,
        0.5,
        keras=True,
    ),
}
