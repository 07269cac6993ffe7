"""How well a picture shows a face: sharpness, size, pose and padding, and one number from 0 to 1 made of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

# A variance of the Laplacian that is called blurred in practice; it counts half.
HALF_SHARP = 100.0
# Pixels of a face from which more do not count: the side at which face recognition networks look (ArcFace: 112).
LARGE = 112.0

# Eyes, nose and mouth's corners of a face seen from the front (x to the right, y down, z away from the viewer), in
# distances between the eyes: medians of the detector's own landmarks on 254 nearly frontal photographs, and a nose that
# stands out as far as in the generic head of S. Mallick, "Head pose estimation using OpenCV and dlib" (2016).
_HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.57, -0.35], [-0.44, 1.02, 0], [0.44, 1.02, 0]])
_FIT = np.linalg.pinv(_HEAD - _HEAD.mean(axis=0)).T.astype(np.float32)


class Pose(NamedTuple):
    """Where a head points, in degrees: `yaw` > 0 to the picture's right, `pitch` > 0 up, `roll` > 0 clockwise."""

    yaw: float
    pitch: float
    roll: float


def poses(landmarks: Float) -> list[Pose]:
    """Estimate the pose of each head from its landmarks (n, 5, 2: eyes, nose, corners of the mouth) in an image.

    Roll is the slope of the line through the eyes. Turned level, the five points are taken as a scaled parallel
    projection of _HEAD, and its rotation is solved by least squares: the "POS" step of DeMenthon and Davis,
    "Model-based object pose in 25 lines of code" (1995). Five points say no more than roughly where a head points.
    """
    eyes = landmarks[:, 1] - landmarks[:, 0]
    length = np.maximum(np.hypot(eyes[:, 0], eyes[:, 1]), np.float32(1e-6))
    cos, sin = eyes[:, 0] / length, eyes[:, 1] / length
    level = landmarks @ np.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2)
    axes = level.transpose(0, 2, 1) @ _FIT  # (n, 2, 3): the head's axes across and down the picture
    axes /= np.maximum(np.sqrt((axes**2).sum(axis=2, keepdims=True)), np.float32(1e-6))
    across, down = axes[:, 0], axes[:, 1]
    depth = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    yaw, pitch = np.arctan2(-across[:, 2], depth), np.arcsin(np.clip(down[:, 2], -1, 1))
    return [Pose(*angles) for angles in np.degrees([yaw, pitch, np.arctan2(sin, cos)]).T.tolist()]


def quality(sharpness: float, size: float, pose: Pose, padding: float) -> float:
    """Return the geometric mean of four parts from 0 to 1, so that each fault lowers it and none is made up for.

    Sharpness against HALF_SHARP; `size`, the longer side of the box in pixels of the original, against LARGE; how far
    the face looks at the viewer (cosines of yaw and pitch; roll costs nothing); how much of the crop is picture.
    """
    frontal = max(0.0, math.cos(math.radians(pose.yaw))) * max(0.0, math.cos(math.radians(pose.pitch)))
    parts = (sharpness / (sharpness + HALF_SHARP), min(1.0, size / LARGE), frontal, 1.0 - padding)
    return math.prod(parts) ** (1 / len(parts))
