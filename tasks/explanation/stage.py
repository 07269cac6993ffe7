"""The test faces worth a look, each with its evidence: sheets to look at, arrays, and pictures for the page."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.evaluation.notable import ALARM, BORDERLINE, CONFIDENT, MISSED, notable
from tasks.explanation.checks import check
from tasks.explanation.colours import overlay
from tasks.explanation.explainer import Explained, Explainer
from tasks.explanation.methods import METHODS
from tasks.explanation.sheet import Shown, shared_scale, write_sheet
from tasks.imaging.resize import resize_to
from tasks.params.files import atomic_write, write_json
from tasks.scoring.crops import stored_crops

Pixels = NDArray[np.uint8]

# What `--from` names, and the kinds of faces it stands for.
CHOICES = {"errors": (MISSED, ALARM), "borderline": (BORDERLINE,), "confident": (CONFIDENT,)}
CHECKED = 8  # faces that a method is checked on
OVERLAYS = "overlays"
OVERLAY_SIDE, OVERLAY_QUALITY = 128, 86
_LABELS = ("real", "fake")


@dataclass(frozen=True)
class Chosen:
    """Rows of predictions with their crops, and which of them are of which kind (positions)."""

    rows: pd.DataFrame
    crops: list[Pixels]
    kinds: dict[str, list[int]]


def choose(rows: pd.DataFrame, threshold: float, wanted: Sequence[str], most: int, faces: Path) -> Chosen:
    """Return at most `most` test faces of each kind that `wanted`, keys of CHOICES, stands for, with their crops."""
    found = notable(rows, threshold, most)
    kinds = {kind: found[kind] for name in wanted for kind in CHOICES[name]}
    labels = list(dict.fromkeys(label for each in kinds.values() for label in each))
    chosen = rows.loc[labels].reset_index(drop=True)
    place = {label: position for position, label in enumerate(labels)}
    return Chosen(chosen, _crops(chosen, faces), {kind: [place[each] for each in found[kind]] for kind in kinds})


def write_explained(
    chosen: Chosen, explainer: Explainer, method: str | None, out: Path, *, pictures: bool, checked: bool = False
) -> dict[str, Any]:
    """Explain the chosen faces and write into the folder `out` what explain.json, which is returned, describes.

    `checked`: the method is checked on some of them, which explain.json tells, and the sheets where it fails.

    One sheet and one npz for each kind; with `pictures` a small one of each face as well, for the page.
    """
    explained = explainer.explain(chosen.crops, method)
    used = explained[0].method if explained else (method or explainer.methods[0])
    scale = shared_scale(explained)
    few = chosen.crops[:: max(1, len(chosen.crops) // CHECKED)][:CHECKED]
    checks = {used: check(explainer, used, few)} if checked and few else {}
    note = checks[used]["note"] if checks else ""
    for kind, places in chosen.kinds.items():
        if places:
            write_sheet(out / f"{kind}.png", [_shown(chosen, explained, place) for place in places], scale, note)
            _write_arrays(out / f"{kind}.npz", chosen, explained, places)
    kinds = {kind: len(places) for kind, places in chosen.kinds.items()}
    report: dict[str, Any] = {"model_id": explainer.card.model_id, "method": used, "unit": METHODS[used].unit}
    report |= {"scale": round(scale, 6), "kinds": kinds}
    shown = zip(chosen.rows["face_id"], chosen.crops, explained, strict=True) if pictures else ()
    faces = [{"face_id": face_id, "overlay": _write_picture(crop, each, scale, out)} for face_id, crop, each in shown]
    write_json(out / "explain.json", {**report, "checks": checks, "faces": faces})
    return {**report, "checks": checks}


def _crops(rows: pd.DataFrame, faces: Path) -> list[Pixels]:
    read = stored_crops(rows, faces)
    found = {place: crop for places, crops in read for place, crop in zip(places, crops, strict=True)}
    return [found[place] for place in range(len(rows))]


def _shown(chosen: Chosen, explained: Sequence[Explained], place: int) -> Shown:
    row = chosen.rows.iloc[place]
    called = "fake" if row["is_fake"] else "real"
    said = f"{_LABELS[int(row['label'])]}, called {called}  p_fake {row['p_fake']:.3f}"
    return Shown(f"{row['dataset']}: {row['member']}", said, chosen.crops[place], explained[place])


def _write_arrays(path: Path, chosen: Chosen, explained: Sequence[Explained], places: Sequence[int]) -> None:
    """Write maps (n, side, side), logits, constants and ids; the same maps give the same bytes."""
    constants = [explained[place].constant for place in places]
    arrays = {
        "face_id": np.array([chosen.rows["face_id"].iloc[place] for place in places]),
        "logit": np.array([explained[place].logit for place in places], np.float32),
        "constant": np.array([np.nan if each is None else each for each in constants], np.float32),
        "map": np.stack([explained[place].map for place in places]).astype(np.float32),
    }
    with atomic_write(path) as temp, temp.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def _write_picture(crop: Pixels, each: Explained, scale: float, out: Path) -> str:
    """Write a face with its evidence; returns the file's name below `out`, which tells two faces apart."""
    small = overlay(resize_to(crop, OVERLAY_SIDE), each.map, scale)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, OVERLAY_QUALITY])
    name = f"{OVERLAYS}/{hashlib.sha256(data.tobytes() + crop.tobytes()).hexdigest()[:16]}.jpg"
    with atomic_write(out / name) as temp:
        temp.write_bytes(data.tobytes())
    return name
