"""Does a map point at what was changed? Photoshop composites, whose file names tell the parts that were replaced.

    python -m benchmarks.composites photoshop_composites.zip --model reference [--method exact --method occlusion ...]

Of composites that the model calls fake: how often the strongest evidence for fake lies on a replaced part, and how much
of this evidence lies there, beside what a blurred random map and a blob in the middle of the face reach. A part is a
box around the landmarks that the detector finds. Where all of the parts were replaced nothing tells a map that points
at them from one that points at faces: those composites count in no figure but the number.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.detection.crop import crop_side, native_reduction, window_start
from tasks.detection.detector import FaceDetector
from tasks.detection.onepass import Face, faces_of
from tasks.evaluation.confidence import clopper_pearson
from tasks.explanation.controls import blob, blurred_noise
from tasks.explanation.exact import spread
from tasks.explanation.explainer import Explainer, explainer_of
from tasks.params import CropParams
from tasks.scoring.card import model_named
from tasks.sources import open_source

Map = NDArray[np.float64]
PARTS = 4  # left eye, right eye, nose, mouth: the order of a name's digits


class Composite(NamedTuple):
    """A crop (side, side, 3), and which of its positions belong to each part (PARTS, side, side), to be `replaced`."""

    name: str
    crop: NDArray[np.uint8]
    parts: NDArray[np.bool_]
    replaced: NDArray[np.bool_]


class Found(NamedTuple):
    """Of each composite: the strongest evidence lies on a replaced part; the part with the most was replaced; share."""

    strongest: NDArray[np.bool_]
    part: NDArray[np.bool_]
    share: NDArray[np.float64]


def main() -> None:
    """Parse the command line, print a line for each method and control."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("source", help="photoshop_composites.zip")
    parser.add_argument("--model", help="as that of `fauxface predict`")
    parser.add_argument("--method", action="append", help="of `fauxface explain`; repeatable, by default exact")
    arguments = parser.parse_args()
    explainer = explainer_of(model_named(arguments.model, Path("data/model")))
    composites, missed = correct_hits(arguments.source, explainer)
    partly = [each for each in composites if not each.replaced.all()]
    print(f"{len(composites)} composites called fake, {missed} missed; in {len(partly)} not all parts are replaced")
    area, parts = (np.mean(values) for values in zip(*map(_replaced, partly), strict=True))
    print(f"replaced parts cover {area:.3f} of a crop, and are {parts:.3f} of the parts")
    rng = np.random.default_rng(0)
    makers: dict[str, Callable[[Composite], Map]] = {
        "control: blurred random map": lambda each: blurred_noise(each.crop.shape[0], rng),
        "control: blob in the middle": lambda each: blob(each.crop.shape[0]),
    }
    for name, make in makers.items():
        print(_line(name, _measured([make(each) for each in partly], partly)))
    for method in arguments.method or ["exact"]:
        maps = [each.map for each in explainer.explain([each.crop for each in partly], method)]
        print(_line(method, _measured(maps, partly)))


def correct_hits(source: str, explainer: Explainer) -> tuple[list[Composite], int]:
    """Return the composites in which the model calls the largest face fake, and how many it does not."""
    crop = explainer.card.crop
    members = [member for member in open_source(source).members() if "fake/" in member.path]
    results = faces_of(members, crop, "largest", FaceDetector(crop.min_face, crop.thresholds), 2)
    found = [
        _composite(result.member, result.faces[0], (result.height or 0, result.width or 0), crop)
        for result in results
        if result.faces
    ]
    fake = explainer.p_fake([each.crop for each in found]) >= explainer.card.threshold
    return [each for each, hit in zip(found, fake, strict=True) if hit], int((~fake).sum())


def _composite(name: str, face: Face, picture: tuple[int, int], crop: CropParams) -> Composite:
    digits = PurePosixPath(name).stem.rpartition("_")[2]
    marks = landmarks_in_crop(face, picture, crop)
    replaced = np.array([digit == "1" for digit in digits])
    return Composite(name, face.rgb, part_boxes(marks, face.rgb.shape[0]), replaced)


def landmarks_in_crop(face: Face, picture: tuple[int, int], crop: CropParams) -> NDArray[np.float64]:
    """Return the landmarks (5, 2) in pixels of the face's crop, of a `picture` of that height and width."""
    middle = face.box[:2] + face.box[2:] / 2
    reduction = native_reduction(face.box, crop)
    if reduction is None:
        side = crop_side(face.box, crop)
        return np.asarray((face.landmarks - (middle - side / 2)) * crop.size / side, np.float64)
    sides = [length / reduction for length in picture[::-1]]
    start = [
        window_start(float(at) / reduction, int(length), crop.size) for at, length in zip(middle, sides, strict=True)
    ]
    return np.asarray(face.landmarks / reduction - np.array(start), np.float64)


def part_boxes(marks: NDArray[np.float64], side: int) -> NDArray[np.bool_]:
    """Return which pixels belong to left eye, right eye, nose and mouth, (PARTS, side, side), by landmarks (5, 2)."""
    eyes, nose, mouth = marks[:2], marks[2], marks[3:].mean(axis=0)
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    boxes = [(eye, (0.42, 0.42), (0.32, 0.25)) for eye in eyes]
    boxes += [(nose, (0.35, 0.35), (0.55, 0.25)), (mouth, (0.6, 0.6), (0.3, 0.35))]
    rows, columns = np.mgrid[:side, :side]
    found = []
    for (x, y), (left, right), (up, down) in boxes:
        across = (columns >= x - left * apart) & (columns <= x + right * apart)
        found.append(across & (rows >= y - up * apart) & (rows <= y + down * apart))
    return np.array(found)


def _replaced(each: Composite) -> tuple[float, float]:
    """Return how much of the crop the replaced parts cover, and their share of the parts."""
    return float(each.parts[each.replaced].any(axis=0).mean()), float(each.replaced.mean())


def _measured(maps: list[Map], composites: list[Composite]) -> Found:
    rows = [_one(spread(map_, each.crop.shape[0]), each) for map_, each in zip(maps, composites, strict=True)]
    strongest, part, share = zip(*rows, strict=True)
    return Found(np.array(strongest), np.array(part), np.array(share))


def _one(evidence: Map, each: Composite) -> tuple[bool, bool, float]:
    on = np.asarray(each.parts[each.replaced].any(axis=0))
    # One position of the last maps is many pixels: their middle counts.
    highest = np.argwhere(evidence >= evidence.max() - 1e-9)
    row, column = highest.mean(axis=0).round().astype(int).tolist()
    positive = np.maximum(evidence, 0)
    means = [evidence[part].mean() for part in each.parts]
    share = positive[on].sum() / max(positive.sum(), 1e-12)
    return bool(on[row, column]), bool(each.replaced[int(np.argmax(means))]), float(share)


def _line(name: str, found: Found) -> str:
    shares = [f"{hits.mean():.3f} ({_interval(hits)})" for hits in (found.strongest, found.part)]
    draws = np.random.default_rng(0).choice(found.share, (2000, len(found.share))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return (
        f"{name}: strongest on a replaced part {shares[0]}, the part with most evidence was replaced {shares[1]}, "
        f"share of the evidence on replaced parts {found.share.mean():.3f} ({low:.3f} to {high:.3f})"
    )


def _interval(hits: NDArray[np.bool_]) -> str:
    low, high = clopper_pearson(int(hits.sum()), len(hits))
    return f"{low:.3f} to {high:.3f}"


if __name__ == "__main__":
    main()
