"""The cascade of MTCNN over a whole batch: propose on the pyramid, refine, finish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.detection.boxes import inside, near, place_landmarks, regress, suppress, to_square
from tasks.detection.canvas import Pixels
from tasks.detection.networks import SIDE, Networks
from tasks.detection.patches import cut
from tasks.detection.pyramid import (
    GRAIN,
    SHARED,
    STRIDE,
    WINDOW,
    Level,
    Levels,
    Mips,
    build_levels,
    build_mips,
    plan_levels,
)

Float = NDArray[np.float32]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Overlaps above which the lower-scored box falls, as in the package: on one level, across levels, after R-Net, O-Net.
NMS_LEVEL, NMS_LEVELS, NMS_REFINED, NMS_FINISHED = 0.5, 0.7, 0.7, 0.7
# Of boxes that overlap by more than this, O-Net looks at the one that R-Net prefers, and at the others only where that
# is no face: 9.2 patches a picture of wider_crowds.tar instead of 10.5, and the same number of faces found.
CLOSE = 0.4
# A box that R-Net or O-Net thinks this likely but not likely enough is looked at once more where that network would
# rather have it. The package does not: of the 198 faces of wider_crowds.tar this finds two more at R-Net and three at
# O-Net.
DOUBTFUL = 0.25
# Patches are cut in coordinates in which a pixel's centre is a whole number; faces are told in those in which its edges
# are, since these survive a change of scale.
PIXEL_CENTRE = np.float32(0.5)
# Levels whose shorter side has up to this many pixels, a tenth of P-Net's work, are searched first: of what P-Net then
# proposes on the finer levels, R-Net need not see what lies in the large face that was found, half of it on portraits.
COARSE = 48
# On the finer levels P-Net looks at every second window of every second row: a third less work for it and for R-Net,
# which gets 61 patches instead of 84 of a picture of wider_crowds.tar. Where a face is met less squarely, the second
# look makes up for it: 146 of its 198 faces are found (148 with all windows).
SPARSE = 2
# P-Net reads the levels' canvas in strips of about this many pixels, which bounds its memory.
STRIP_PIXELS = 1 << 18


class Found(NamedTuple):
    """Faces of a batch: picture (n,), box (n, 4: left, top, right, bottom) and landmarks (n, 5, 2) in pixels, logit."""

    image: Index
    boxes: Float
    logits: Float
    points: Float


class Limits(NamedTuple):
    """The logits above which P-Net and R-Net keep a box, R-Net at its second look, and O-Net.

    A box that gets a second look at R-Net must pass with half the doubt that is allowed at the first: else two places,
    and not one, of the 250 portraits of omi_stylegan2.tar are taken for faces.
    """

    propose: np.float32
    refine: np.float32
    again: np.float32
    finish: np.float32


def find(
    networks: Networks, pictures: Sequence[Pixels], smallest: Sequence[float], thresholds: tuple[float, float, float]
) -> Found:
    """Return the faces of `pictures` (height, width, 3, RGB), picture by picture, the surest first.

    `smallest`: for each picture the smallest face in its pixels; `thresholds`: confidence asked for by each network.
    """
    limits = Limits(*map(_logit, (*thresholds[:2], (1 + thresholds[1]) / 2, thresholds[2])))
    mips = build_mips(pictures, smallest)
    levels = plan_levels(mips, smallest)
    coarse = [level for level in levels if min(level.width, level.height) <= COARSE]
    fine = [level for level in levels if min(level.width, level.height) > COARSE]
    large = _search(networks, mips, coarse, limits, np.zeros((len(pictures), 4), np.float32), 1)
    small = _search(networks, mips, fine, limits, _largest(large, len(pictures)), SPARSE)
    return _best(large, small)


def _search(networks: Networks, mips: Mips, levels: Sequence[Level], limits: Limits, known: Float, step: int) -> Found:
    """Find the faces of these levels that do not lie in the `known` one of their picture (pictures, 4).

    `step`: from one of P-Net's windows that is looked at to the next.
    """
    image, boxes = _propose(networks, build_levels(mips, levels), limits.propose, step)
    new = inside(boxes, known[image]) <= NMS_FINISHED
    image, boxes, logits = _refine(networks, mips, image[new], boxes[new], limits)
    return _finish(networks, mips, image, boxes, logits, limits.finish)


def _largest(found: Found, pictures: int) -> Float:
    """Return each picture's largest face, as (pictures, 4); an empty box where there is none."""
    boxes = np.zeros((pictures, 4), np.float32)
    order = np.argsort((found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1), kind="stable")
    boxes[found.image[order]] = found.boxes[order]  # of several for one picture the last stays
    return boxes


def _propose(networks: Networks, levels: Levels, limit: np.float32, step: int) -> tuple[Index, Float]:
    level, boxes, logits = _windows_above(networks, levels, limit, step)
    keep = suppress(level, boxes, logits, NMS_LEVEL)
    level, boxes, logits = level[keep], boxes[keep], logits[keep]
    image = levels.image[level]
    keep = suppress(image, boxes, logits, NMS_LEVELS)
    return image[keep], to_square(boxes[keep])


def _windows_above(networks: Networks, levels: Levels, limit: np.float32, step: int) -> tuple[Index, Float, Float]:
    """Run P-Net; return level, box (in pixels of the picture) and logit of the windows whose logit is above `limit`."""
    found = []
    for start, strip in _strips(levels.canvas):
        outputs = networks.propose(strip, sparse=step > 1)
        owner = levels.owner[start // STRIDE :: step, ::step]
        row, column = np.divmod(np.flatnonzero(outputs[4] > limit), outputs.shape[2])
        mine = owner[row, column] >= 0
        row, column = row[mine], column[mine]
        place = row * step + start // STRIDE, column * step
        found.append((*place, outputs[:4, row, column].T, outputs[4, row, column]))
    row, column, offsets, logits = (np.concatenate(parts) for parts in zip(*found, strict=True))
    level = levels.owner[row, column].astype(np.int64)
    # The package counts a window's pixels from one, both ends included: 1 to 12.
    corner = np.stack([column, row], axis=1) * STRIDE + 1 - levels.spots[level, :2]
    window = np.concatenate([corner, corner + WINDOW - 1], axis=1) + offsets * np.float32(WINDOW - 1)
    scale = levels.scale[level]
    return level, (window * np.concatenate([scale, scale], axis=1)).astype(np.float32), logits


def _strips(canvas: Pixels) -> list[tuple[int, Pixels]]:
    """Cut the canvas into strips that share the rows of a window; returns each with its first row."""
    step = max(GRAIN, STRIP_PIXELS // canvas.shape[1] // GRAIN * GRAIN)
    return [(start, canvas[start : start + step + SHARED]) for start in range(0, canvas.shape[0] - SHARED, step)]


def _refine(networks: Networks, mips: Mips, image: Index, boxes: Float, limits: Limits) -> tuple[Index, Float, Float]:
    boxes, outputs, sure = _look(networks.refine, SIDE["rnet"], mips, image, boxes, (limits.refine, limits.again))
    image, logits = image[sure], outputs[sure, 4]
    boxes = regress(boxes[sure], outputs[sure, :4])
    keep = suppress(image, boxes, logits, NMS_REFINED)
    return image[keep], to_square(boxes[keep]), logits[keep]


def _finish(networks: Networks, mips: Mips, image: Index, boxes: Float, logits: Float, limit: np.float32) -> Found:
    """Look at the surest of boxes that are close together, and at the others only where it is no face."""
    surest = suppress(image, boxes, logits, CLOSE)
    first, sure = _faces(networks, mips, image[surest], boxes[surest], limit)
    faces = surest.copy()
    faces[surest] = sure
    others = ~surest & ~near(image, boxes, faces, CLOSE)
    second, _ = _faces(networks, mips, image[others], boxes[others], limit)
    return _joined(first, second)


def _faces(networks: Networks, mips: Mips, image: Index, boxes: Float, limit: np.float32) -> tuple[Found, Mask]:
    """Run O-Net; return the faces, and which of the boxes they are."""
    boxes, outputs, sure = _look(networks.finish, SIDE["onet"], mips, image, boxes, (limit, limit))
    image, logits, boxes, outputs = image[sure], outputs[sure, 14], boxes[sure], outputs[sure]
    points = place_landmarks(boxes, outputs[:, 4:14]) + PIXEL_CENTRE
    return Found(image, regress(boxes, outputs[:, :4]) + PIXEL_CENTRE, logits, points), sure


def _look(
    network: Callable[[Pixels], Float],
    side: int,
    mips: Mips,
    image: Index,
    boxes: Float,
    limits: tuple[np.float32, np.float32],
) -> tuple[Float, Float, Mask]:
    """Look at the boxes (n, 4), at the doubtful ones twice; `limits` are the logits asked for by each look.

    Returns the boxes as last looked at, the network's outputs (n, offsets first, logit last), and which boxes pass.
    """
    outputs = network(cut(mips, image, boxes, side))
    sure = outputs[:, -1] > limits[0]
    doubtful = np.flatnonzero((outputs[:, -1] > _logit(DOUBTFUL)) & ~sure)
    if len(doubtful):
        boxes[doubtful] = to_square(regress(boxes[doubtful], outputs[doubtful, :4]))
        outputs[doubtful] = network(cut(mips, image[doubtful], boxes[doubtful], side))
        sure[doubtful] = outputs[doubtful, -1] > limits[1]
    return boxes, outputs, sure


def _best(*searches: Found) -> Found:
    """Return the faces that no surer one overlaps, sorted by picture, the surest first."""
    image, boxes, logits, points = _joined(*searches)
    keep = np.flatnonzero(suppress(image, boxes, logits, NMS_FINISHED, over="smaller"))
    keep = keep[np.lexsort((-logits[keep], image[keep]))]
    return Found(image[keep], boxes[keep], logits[keep], points[keep])


def _joined(*found: Found) -> Found:
    image, boxes, logits, points = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Found(image, boxes, logits, points)


def _logit(probability: float) -> np.float32:
    return np.float32(np.log(probability / (1 - probability)))
