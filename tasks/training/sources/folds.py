"""Which data sets a training leaves out, so that it can be asked about sources that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from tasks.manifests.manifest_files import manifest_path
from tasks.manifests.parts import write_table
from tasks.manifests.schemas import MANIFEST
from tasks.params import FauxfaceError
from tasks.scoring.crops import read_manifest

SIDES = ("train", "valid", "test")
NEW = "new"  # the manifest of what was left out


@dataclass(frozen=True)
class Fold:
    """A training to be done: its name, and the data sets that it does not see."""

    name: str
    left_out: tuple[str, ...]


def source_folds(counts: pd.DataFrame, families: Mapping[str, str | None], folds: int) -> list[Fold]:
    """Return `folds` trainings, between them leaving out each data set once.

    `counts` are the faces of each data set (index) by label (columns 0 and 1). Data sets are dealt like cards, those
    with fakes family by family and those of photographs alone by size, so that every fold leaves out fakes of several
    families and photographs too. Raises FauxfaceError where that is impossible.
    """
    fakes, photographs = _by_kind(counts)
    size = counts[1].to_dict()
    fakes = sorted(fakes, key=lambda name: (families.get(name) or "", -size[name], name))
    dealt: list[list[str]] = [[] for _ in range(folds)]
    for number, name in enumerate([*fakes, *photographs]):
        dealt[number % folds].append(name)
    found = [Fold(f"{number + 1} of {folds}", tuple(sorted(names))) for number, names in enumerate(dealt)]
    for fold in found:
        _check(fold, counts, "Ask for fewer --folds, or name further data sets in params.yaml.")
    return found


def family_folds(counts: pd.DataFrame, families: Mapping[str, str | None]) -> list[Fold]:
    """Return a training for each family: it leaves out all data sets of it, and a share of the photographs.

    Raises FauxfaceError where there are fewer than two families, or nothing to train on without one.
    """
    fakes, photographs = _by_kind(counts)
    names = sorted({families.get(name) or "" for name in fakes} - {""})
    if len(names) < 2:
        raise FauxfaceError(
            "params.yaml: names fewer than two families of fakes. Give the data sets with fakes a `family:`, such as "
            "gan, diffusion, swap or edit."
        )
    found = []
    for number, family in enumerate(names):
        own = [name for name in fakes if families.get(name) == family]
        found.append(Fold(family, tuple(sorted([*own, *photographs[number :: len(names)]]))))
        _check(found[-1], counts, f"Give family {family} and the others photographs to stand against, in data sets.")
    return found


def write_fold(manifests: Path, fold: Fold, out: Path) -> None:
    """Write the manifests of a fold to `out`: train, valid and test without, and `new` with what is left out."""
    parts = []
    for side in SIDES:
        rows = read_manifest(manifests / f"{side}.parquet")
        left = rows["dataset"].isin(fold.left_out)
        parts.append(rows[left])
        _write(rows[~left], manifest_path(out, side))
    _write(pd.concat(parts), manifest_path(out, NEW))


def faces_by_label(manifests: Path) -> pd.DataFrame:
    """Return how many faces of label 0 and 1 (columns) each data set (index) has in all three manifests."""
    rows = pd.concat([read_manifest(manifests / f"{side}.parquet") for side in SIDES])
    return pd.crosstab(rows["dataset"], rows["label"]).reindex(columns=[0, 1], fill_value=0)


def _by_kind(counts: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the data sets with fakes, and those of photographs alone from the largest on."""
    alone = counts.loc[counts[1] == 0, 0].sort_values(ascending=False, kind="stable")
    return [str(name) for name in counts.index[counts[1] > 0]], [str(name) for name in alone.index]


def _check(fold: Fold, counts: pd.DataFrame, remedy: str) -> None:
    left = counts.index.isin(fold.left_out)
    for what, faces in (("leaves out", counts[left]), ("trains on", counts[~left])):
        missing = _missing(faces)
        if missing:
            raise FauxfaceError(f"fold {fold.name}: {what} no {' and no '.join(missing)}. {remedy}")


def _missing(faces: pd.DataFrame) -> Sequence[str]:
    return [name for label, name in ((0, "photographs"), (1, "fakes")) if not faces[label].sum()]


def _write(rows: pd.DataFrame, path: Path) -> None:
    table = pa.Table.from_pandas(rows, schema=MANIFEST, preserve_index=False)
    write_table(path, table.replace_schema_metadata(None))
