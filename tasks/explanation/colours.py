"""Evidence in colours that colour-blind people can tell: orange for fake, blue for real, no colour for none."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float64]
Pixels = NDArray[np.uint8]

FAKE, REAL = (213, 94, 0), (0, 114, 178)  # vermilion and blue of Okabe and Ito's palette, RGB
STRONGEST = 99.0  # percentile of all maps' strengths that gets the full colour
COVER = 0.75  # of a face by the strongest colour


def scale_of(maps: Iterable[Map], least: float) -> float:
    """Return the strength that gets the full colour, one for all maps, and at least `least`.

    So faces can be compared, and a map without evidence stays empty instead of showing its noise.
    """
    values = np.concatenate([np.abs(each).reshape(-1) for each in maps] or [np.zeros(1)])
    return max(float(np.percentile(values, STRONGEST)), least)


def overlay(face: Pixels, evidence: Map, scale: float) -> Pixels:
    """Return the face (side, side, 3) RGB in grey with its evidence, a map of any size, laid over."""
    grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.float64)
    return _mixed(grey, evidence, scale)


def plain(evidence: Map, side: int, scale: float) -> Pixels:
    """Return the evidence alone on white, (side, side, 3) RGB."""
    return _mixed(np.full((side, side, 3), 255.0), evidence, scale)


def _mixed(ground: NDArray[np.float64], evidence: Map, scale: float) -> Pixels:
    side = ground.shape[0]
    smooth = np.asarray(cv2.resize(evidence, (side, side), interpolation=cv2.INTER_LINEAR))
    strength = np.clip(np.abs(smooth) / scale, 0, 1)[..., None] * COVER
    colour = np.where(smooth[..., None] > 0, np.array(FAKE, np.float64), np.array(REAL, np.float64))
    return np.asarray((ground * (1 - strength) + colour * strength).round(), np.uint8)
