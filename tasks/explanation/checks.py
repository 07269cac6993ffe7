"""Can a map be believed? It has to change with the network, and what it points at has to matter to the logit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.explanation.controls import blob, blurred_noise
from tasks.explanation.exact import spread
from tasks.explanation.explainer import Explainer
from tasks.explanation.methods import METHODS, Found, Map
from tasks.explanation.shuffled import shuffled_layers, shuffled_scorer
from tasks.imaging.resize import resize_to
from tasks.scoring.card import SCORER
from tasks.scoring.classifier import Classifier, Scorer

Pixels = NDArray[np.uint8]
Logits = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

SHARES = (0.0, 0.25, 0.5, 1.0)  # of the layers, from the top down; 0: the last one alone
ALIKE = 0.5  # rank correlation from which on maps of a network and of noise count as the same
CELLS = 8  # of a face, in each direction, that are taken away or put in one after the other
FRACTIONS = (1 / 16, 1 / 8, 1 / 4, 1 / 2)  # of the cells
BLUR = 6  # of what is taken away: the side divided by so many


def check(explainer: Explainer, method: str, crops: Sequence[Pixels]) -> dict[str, Any]:
    """Return what the two checks say of a method on some faces; `note` is what a sheet has to say, if anything."""
    faces = [resize_to(crop, explainer.size) for crop in crops]
    explain = explainer.by(method)
    maps = [explain(face).map for face in faces]
    steps = randomised(explainer, method, faces, maps)
    likest = max(step[name] for step in steps for name in ("strengths", "signed"))
    passed = likest < ALIKE
    fake = explainer.p_fake(faces) >= explainer.card.threshold
    found = {"faces": len(faces), "randomisation": {"passed": passed, "steps": steps}}
    found |= {"deletion_insertion": deletion_and_insertion(explainer.logits, faces, maps, fake)}
    said = f"fails the randomisation check here: rank correlation {likest:.2f} with a network that is partly shuffled"
    return {**found, "note": "" if passed else said}


def randomised(explainer: Explainer, method: str, faces: Sequence[Pixels], maps: Sequence[Map]) -> list[dict[str, Any]]:
    """Return how like the maps are to those of the network with more and more shuffled layers, from the top down.

    `signed` is the mean rank correlation of the maps, `strengths` that of their absolute values.
    """
    found = []
    for share in SHARES:
        with _with_shuffled(explainer, method, share) as (layers, explain):
            pairs = [(map_, explain(face).map) for face, map_ in zip(faces, maps, strict=True)]
        signed = float(np.mean([_rank_correlation(*pair) for pair in pairs]))
        strengths = float(np.mean([_rank_correlation(np.abs(old), np.abs(new)) for old, new in pairs]))
        found.append({"layers": layers, "signed": round(signed, 4), "strengths": round(strengths, 4)})
    return found


@contextmanager
def _with_shuffled(explainer: Explainer, method: str, share: float) -> Iterator[tuple[int, Callable[[Pixels], Found]]]:
    """Yield how many layers are shuffled, and what explains a face by the network so changed."""
    if METHODS[method].keras:
        with shuffled_layers(explainer.keras_model, share) as layers:
            yield layers, explainer.by(method)
        return
    with tempfile.TemporaryDirectory(prefix="fauxface-shuffled-") as folder:
        scorer = Path(folder) / SCORER
        layers = shuffled_scorer(explainer.folder / SCORER, share, scorer)
        changed = Classifier(explainer.card, Scorer(scorer, explainer.size))
        yield layers, Explainer(Path(folder), changed).by(method)


def deletion_and_insertion(
    logits: Logits, faces: Sequence[Pixels], maps: Sequence[Map], fake: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    """Return by how much the logit moves when what a map points at is blurred, or alone is not (Petsiuk et al., 2018).

    `fake` (n,): what the faces are called; evidence for that goes first. Of `map` and of the controls `random` and
    `blob`: means over faces and fractions of the logit's fall, and of its rise from the blurred face. More is better.
    """
    rng = np.random.default_rng(0)
    found: dict[str, list[tuple[float, float]]] = {"map": [], "random": [], "blob": []}
    for face, map_, sign in zip(faces, maps, np.where(fake, 1, -1).tolist(), strict=True):
        side = face.shape[0]
        ordered = {"map": sign * map_, "random": blurred_noise(side, rng), "blob": blob(side)}
        for name, values in ordered.items():
            found[name].append(_moves(logits, face, values, sign))
    means = {name: np.mean(pairs, axis=0).round(4).tolist() for name, pairs in found.items()}
    return {name: {"deletion": deletion, "insertion": insertion} for name, (deletion, insertion) in means.items()}


def _moves(logits: Logits, face: Pixels, values: Map, sign: int) -> tuple[float, float]:
    cells = spread(values, CELLS).reshape(-1)
    order = np.argsort(-cells, kind="stable")
    blurred = np.asarray(cv2.GaussianBlur(face, (0, 0), face.shape[0] / BLUR), np.uint8)
    masks = [_mask(order[: round(fraction * CELLS**2)], face.shape[0]) for fraction in FRACTIONS]
    deleted = [_mixed(face, blurred, mask) for mask in masks]
    inserted = [_mixed(blurred, face, mask) for mask in masks]
    found = sign * logits(np.stack([face, blurred, *deleted, *inserted])).astype(np.float64)
    whole, none = found[:2]
    return float(whole - found[2 : 2 + len(masks)].mean()), float(found[2 + len(masks) :].mean() - none)


def _mask(chosen: NDArray[np.intp], side: int) -> NDArray[np.float64]:
    """Return 1 in the chosen cells and 0 elsewhere, (side, side, 1), without hard edges."""
    cells = np.zeros(CELLS**2)
    cells[chosen] = 1
    whole = cv2.resize(cells.reshape(CELLS, CELLS), (side, side), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.GaussianBlur(whole, (0, 0), side / CELLS / 8)[..., None], np.float64)


def _mixed(outside: Pixels, inside: Pixels, mask: NDArray[np.float64]) -> Pixels:
    return np.asarray((outside * (1 - mask) + inside * mask).round(), np.uint8)


def _rank_correlation(first: Map, second: Map) -> float:
    """Return Spearman's rank correlation; 0 where a map is the same everywhere."""
    from scipy.stats import rankdata

    ranks = [rankdata(np.round(values, 9)) for values in (first, second)]
    if any(np.ptp(each) == 0 for each in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
