"""The training and validation splits: read, checked, and cut down to what a phase of a training uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.params import FauxfaceError
from tasks.scoring.crops import read_manifest
from tasks.training.recipe.recipes import Phase

CLASSES = ((0, "real"), (1, "fake"))


@dataclass(frozen=True)
class Split:
    """One split's manifest and labels (n,), and the file that they come from."""

    path: Path
    rows: pd.DataFrame
    labels: NDArray[np.int8]


def read_split(path: Path) -> Split:
    """Return a split's manifest; raises FauxfaceError when a class is missing, for nothing can be learnt then."""
    rows = read_manifest(path)
    split = Split(path, rows, rows["label"].to_numpy(np.int8))
    missing = _missing_classes(split)
    if missing:
        raise FauxfaceError(f"{path}: holds no {' and no '.join(missing)} face. Add data, then run `fauxface split`.")
    return split


def of_phase(splits: Mapping[str, Split], phase: Phase) -> dict[str, Split]:
    """Return what of `train` and `valid` a phase uses: the rows of its data sets.

    Raises FauxfaceError when the training split has no face of one of them, when they lack a class in a split, or when
    the phase takes so few faces that a class of a data set would have none.
    """
    chosen = _of_phase(splits, phase)
    kinds = chosen["train"].rows.groupby(["dataset", "label"]).ngroups
    if phase.most_faces is not None and phase.most_faces < kinds:
        raise FauxfaceError(
            f"recipe: phase {phase.name!r} takes at most {phase.most_faces} faces ({phase.looks} looks at each, and "
            f"`faces` allows {phase.faces}), and there are {kinds} kinds of them, by data set and label. Raise `faces`."
        )
    return chosen


def _of_phase(splits: Mapping[str, Split], phase: Phase) -> dict[str, Split]:
    if phase.datasets is None:
        return dict(splits)
    known = sorted(splits["train"].rows["dataset"].unique())
    unknown = [name for name in phase.datasets if name not in known]
    if unknown:
        raise FauxfaceError(
            f"{splits['train'].path}: holds no face of {', '.join(unknown)}, which phase {phase.name!r} of the recipe "
            f"names. Its data sets are {', '.join(known)}: name some of these, or none for all of them."
        )
    return {name: _of_datasets(split, phase.name, phase.datasets) for name, split in splits.items()}


def _of_datasets(split: Split, phase: str, datasets: tuple[str, ...]) -> Split:
    rows = split.rows[split.rows["dataset"].isin(datasets)].reset_index(drop=True)
    chosen = Split(split.path, rows, rows["label"].to_numpy(np.int8))
    missing = _missing_classes(chosen)
    if missing:
        raise FauxfaceError(
            f"{split.path}: holds no {' and no '.join(missing)} face of {', '.join(datasets)}, all that phase "
            f"{phase!r} of the recipe uses. Name further data sets in that phase."
        )
    return chosen


def with_fakes(split: Split) -> list[str]:
    """Return the names of the data sets of which the split has fakes, in alphabetical order."""
    return sorted(split.rows["dataset"][split.labels == 1].unique())


def at_most(split: Split, faces: int, seed: int) -> Split:
    """Return the split, or `faces` faces of it where it has more, drawn by the seed and in their order.

    Each class of each data set gives as many as the others, or all that it has.
    """
    if len(split.rows) <= faces:
        return split
    kinds = [places for _, places in sorted(split.rows.groupby(["dataset", "label"], sort=True).indices.items())]
    random = np.random.default_rng(seed)
    kept: list[NDArray[np.int64]] = []
    left = faces
    for number, places in enumerate(sorted(kinds, key=len)):
        share = min(len(places), left // (len(kinds) - number))
        kept.append(random.permutation(places)[:share])
        left -= share
    chosen = np.sort(np.concatenate(kept))
    return Split(split.path, split.rows.iloc[chosen].reset_index(drop=True), split.labels[chosen])


def _missing_classes(split: Split) -> list[str]:
    return [name for label, name in CLASSES if not np.any(split.labels == label)]
