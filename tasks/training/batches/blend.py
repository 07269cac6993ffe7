"""Self-blended faces: a photograph blended into itself, so that only the blending is fake.

Shiohara and Yamasaki (2022), "Detecting Deepfakes with Self-Blended Images": a face swap shows where two pictures meet
that differ a little in colour, sharpness and place. Two versions of one photograph differ so as well, and no generator
is needed to make them.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.training.batches.camera import encoded, resampled, sharpened

Pixels = NDArray[np.uint8]
Random = np.random.Generator

STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # of the blending, each as likely as the others


def self_blended(image: Pixels, random: Random) -> Pixels:
    """Return a fake of a photograph (side, side, 3), uint8 RGB: its face under a slightly other version of it."""
    other = _moved(_changed(image, random), random)
    under, over = (other, image) if random.random() < 0.5 else (image, other)
    mask = _mask(image.shape[0], random)[:, :, None] * STRENGTHS[random.integers(len(STRENGTHS))]
    return np.asarray(under + (over.astype(np.float32) - under) * mask + 0.5, np.uint8)


def _changed(image: Pixels, random: Random) -> Pixels:
    """Return the picture in a slightly other colour and, in most cases, sharpness."""
    gain, offset = random.uniform(0.93, 1.07, 3), random.uniform(-8, 8, 3)
    changed = np.clip(image * gain + offset, 0, 255).astype(np.uint8)
    kind = random.integers(4)
    return (resampled, sharpened, encoded)[kind](changed, random) if kind < 3 else changed


def _moved(image: Pixels, random: Random) -> Pixels:
    """Return the picture scaled by up to 5 % and shifted by up to 3 % of its side."""
    side = image.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), random.uniform(-2, 2), random.uniform(0.95, 1.05))
    matrix[:, 2] += random.uniform(-0.03, 0.03, 2) * side
    moved = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def _mask(side: int, random: Random) -> NDArray[np.float32]:
    """Return how much of each pixel (side, side), 0 to 1, is covered: a dented ellipse about the face or part."""
    part = 0.5 if random.random() < 0.3 else 1.0  # eyes or mouth alone
    reach = 0.06 if part == 1 else 0.15
    centre = (0.5 + random.uniform(-reach, reach), 0.52 + random.uniform(-reach, reach))
    axes = (part * random.uniform(0.2, 0.36), part * random.uniform(0.26, 0.42))
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    dents = 1 + random.uniform(-0.15, 0.15, 24)
    outline = np.stack([centre[axis] + axes[axis] * dents * (np.cos, np.sin)[axis](angles) for axis in (0, 1)], 1)
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.round(outline * side).astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), random.uniform(0.01, 0.06) * side), np.float32)
