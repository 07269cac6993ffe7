"""From a face in a picture to a square crop of fixed size: the same function for training and for scoring."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.decode import shrink
from tasks.imaging.encode import encoded_again
from tasks.imaging.resize import resize_to
from tasks.params import CropParams

Float = NDArray[np.float32]
Pixels = NDArray[np.uint8]

BORDERS = {"reflect": cv2.BORDER_REFLECT_101, "replicate": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT}


@dataclass(frozen=True)
class Crop:
    """`rgb` (size, size, 3) uint8, and which fraction of it lies outside of the picture (`padding`)."""

    rgb: Pixels
    padding: float


def crop_side(box: Float, params: CropParams) -> float:
    """Return the side of the square that is cut for a box (x, y, width, height), margin included."""
    return float(max(box[2], box[3])) * (1 + 2 * params.margin)


def native_reduction(box: Float, params: CropParams) -> int | None:
    """Return how many times smaller (a power of two) the picture of `box` gets where a crop is cut without resampling.

    The one that brings the square's side between size / sqrt(2) and size * sqrt(2). None where the crop is resampled:
    with `scale: fit`, and where the face is too small. Compared rather than rounded from a logarithm, so that a box in
    pixels already reduced gives exactly what is left to do.
    """
    side, most = crop_side(box, params), params.size * math.sqrt(2)
    if params.scale == "fit" or 2 * side < most:
        return None
    reduction = 1
    while side / reduction >= most:
        reduction *= 2
    return reduction


def crop_face(pixels: Pixels, box: Float, landmarks: Float, params: CropParams) -> Crop:
    """Cut the square around `box` (x, y, width, height) out of `pixels` (height, width, 3) and bring it to size.

    The square has the box's centre and longer side plus the margin. With `align` it is turned so that the eyes
    (`landmarks` (5, 2), the first two) lie level. What lies outside of the picture is filled as `border` says.
    With `scale: native` a window of whole pixels is cut instead, from the picture reduced by `native_reduction`. With
    `reencode` the crop is what a JPEG file of that quality keeps of it.
    """
    crop = _square(pixels, box, landmarks, params)
    if params.reencode is None:
        return crop
    return Crop(encoded_again(crop.rgb, params.reencode), crop.padding)


def _square(pixels: Pixels, box: Float, landmarks: Float, params: CropParams) -> Crop:
    reduction = native_reduction(box, params)
    if reduction is not None:
        return _window(shrink(pixels, reduction), box / np.float32(reduction), params)
    centre = (float(box[0] + box[2] / 2), float(box[1] + box[3] / 2))
    side = max(1, round(crop_side(box, params)))
    angle = _tilt(landmarks) if params.align else 0.0
    if angle:
        square = _turned(pixels, centre, side, angle, params.border)
    else:
        square = _cut(pixels, round(centre[0] - side / 2), round(centre[1] - side / 2), side, params.border)
    return Crop(resize_to(square, params.size), _outside(pixels.shape[1], pixels.shape[0], centre, side, angle))


def _window(pixels: Pixels, box: Float, params: CropParams) -> Crop:
    """Cut size x size pixels as they are: centred on `box`, but shifted so far that they hold most of the picture."""
    height, width = pixels.shape[:2]
    left = window_start(float(box[0] + box[2] / 2), width, params.size)
    top = window_start(float(box[1] + box[3] / 2), height, params.size)
    missing = 1 - min(width, params.size) * min(height, params.size) / params.size**2
    return Crop(_cut(pixels, left, top, params.size, params.border), missing)


def window_start(centre: float, length: int, size: int) -> int:
    """Return where `size` pixels around `centre` start: within 0 .. `length`, or around all of it where it is less."""
    start = round(centre - size / 2)
    return max(min(0, length - size), min(start, max(0, length - size)))


def _tilt(landmarks: Float) -> float:
    """Return the angle in degrees by which the line from the left to the right eye goes down."""
    across, down = (landmarks[1] - landmarks[0]).tolist()
    return math.degrees(math.atan2(down, across))


def _cut(pixels: Pixels, left: int, top: int, side: int, border: str) -> Pixels:
    height, width = pixels.shape[:2]
    inside = pixels[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    missing = (max(-top, 0), max(top + side - height, 0), max(-left, 0), max(left + side - width, 0))
    if not any(missing):
        return inside
    return cv2.copyMakeBorder(inside, *missing, BORDERS[border]).astype(np.uint8, copy=False)


def _turned(pixels: Pixels, centre: tuple[float, float], side: int, angle: float, border: str) -> Pixels:
    turn = cv2.getRotationMatrix2D(centre, angle, 1.0)
    turn[:, 2] = turn[:, 2] + side / 2 - np.array(centre)
    turned = cv2.warpAffine(pixels, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=BORDERS[border])
    return turned.astype(np.uint8, copy=False)


def _outside(width: int, height: int, centre: tuple[float, float], side: int, angle: float) -> float:
    """Return the fraction of the (turned) square that lies outside of a picture."""
    square = cv2.boxPoints((centre, (side, side), angle))
    picture = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    shared, _ = cv2.intersectConvexConvex(square, picture)
    return float(min(1.0, max(0.0, 1 - shared / side**2)))
