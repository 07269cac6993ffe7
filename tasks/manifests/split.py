"""The split into train, valid and test: by a hash of each cluster, so that no photograph changes side as data is added.

The side of a cluster depends on nothing but its key and the seed: each stratum (data set and label) gets its shares in
expectation, and the report says how far off it is. Drawing exact shares instead would move photographs whenever some
are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.manifests.clusters import Clusters, cluster_keys, find_clusters
from tasks.manifests.duplicates import Ints
from tasks.manifests.source_name import source_name
from tasks.params import DatasetParams, FauxfaceError, SplitParams

# In ascending strength: where clusters straddle fixed sides, the last one wins.
SPLITS = ("train", "valid", "test")
LABELS = ("real", "fake")
# What make_split asks of the faces.
COLUMNS = ("face_id", "image_id", "dataset", "shard", "row", "member", "label", "group", "split_given", "phash")
_FREE = -1


@dataclass(frozen=True)
class Split:
    """All labelled faces with their sides.

    `rows` are sorted by data set, shard and row. They hold COLUMNS but for the hash, and: cluster, key (of the
    cluster), source, use, split (train, valid or test), drawn (the side that the hash says), dropped (bool). A dropped
    row is in no manifest: its data set puts it on another side than faces that it belongs with. `clusters` belongs to
    `rows`, row by row.
    """

    rows: pd.DataFrame
    clusters: Clusters


def make_split(faces: pa.Table, datasets: Sequence[DatasetParams], params: SplitParams) -> Split:
    """Return the sides of `faces` (with COLUMNS; of all `datasets`, in any order).

    Clusters with a face of a test-only data set go to test as a whole. A data set that brings its own split keeps it;
    where its faces belong with others on a stronger side (test, then valid), the weaker ones are dropped.
    Raises FauxfaceError when a class is missing from a side.
    """
    use = {dataset.name: dataset.use for dataset in datasets}
    rows = _sorted_rows(faces)
    _check_faces(rows, use)
    clusters = find_clusters(rows, params.near_duplicate_bits)
    keys = cluster_keys(rows, clusters.cluster, list(use))
    drawn = np.array([drawn_side(key, params) for key in keys], np.int64)
    fixed = _fixed_sides(rows, use)
    side = _cluster_sides(clusters.cluster, fixed, drawn)[clusters.cluster]
    rows = rows.drop(columns="phash").assign(
        cluster=clusters.cluster,
        key=keys.to_numpy()[clusters.cluster],
        source=rows["dataset"].map({dataset.name: source_name(dataset.source) for dataset in datasets}),
        use=rows["dataset"].map(use),
        split=np.array(SPLITS, object)[side],
        drawn=np.array(SPLITS, object)[drawn[clusters.cluster]],
        dropped=(fixed != _FREE) & (fixed != side),
    )
    _check_classes(rows)
    return Split(rows, clusters)


def drawn_side(key: str, params: SplitParams) -> int:
    """Return the side of a cluster as an index into SPLITS: SHA-256 of seed and key, as a fraction of its range.

    Test takes the lower end and valid the upper, so that changing one share moves nothing between the other two.
    """
    digest = hashlib.sha256(f"{params.seed}\n{key}".encode()).digest()
    fraction = int.from_bytes(digest[:7], "big") / 2**56
    if fraction < params.test:
        return SPLITS.index("test")
    return SPLITS.index("valid" if fraction >= 1 - params.valid else "train")


def _sorted_rows(faces: pa.Table) -> pd.DataFrame:
    """Return COLUMNS of `faces` sorted by place."""
    ordered = faces.select(COLUMNS).sort_by([("dataset", "ascending"), ("shard", "ascending"), ("row", "ascending")])
    rows: pd.DataFrame = ordered.to_pandas()
    return rows


def _check_faces(rows: pd.DataFrame, use: Mapping[str, str]) -> None:
    _refuse(rows[~rows["dataset"].isin(list(use))], "belong to a data set that the settings do not name")
    _refuse(rows[rows["phash"].isna()], "have no perceptual hash; run the crop stage again: `dvc repro --force`")


def _refuse(faulty: pd.DataFrame, fault: str) -> None:
    if len(faulty):
        first = faulty.iloc[0]
        counts = ", ".join(f"{count} of {name}" for name, count in faulty["dataset"].value_counts().items())
        raise FauxfaceError(f"split: faces {fault}: {counts}. The first is {first['member']} of {first['dataset']}.")


def _fixed_sides(rows: pd.DataFrame, use: Mapping[str, str]) -> Ints:
    """Return for each row the side that its data set prescribes, an index into SPLITS or _FREE."""
    purpose = rows["dataset"].map(use)
    given = rows["split_given"].map({name: side for side, name in enumerate(SPLITS)})
    sides = given.where(purpose == "given", _FREE).mask(purpose == "test", SPLITS.index("test"))
    return np.asarray(sides, np.int64)


def _cluster_sides(cluster: Ints, fixed: Ints, drawn: Ints) -> Ints:
    """Return for each cluster the strongest side fixed for one of its faces, else the side drawn for it."""
    strongest = np.full(len(drawn), _FREE)
    np.maximum.at(strongest, cluster, fixed)
    sides: Ints = np.where(strongest == _FREE, drawn, strongest).astype(np.int64)
    return sides


def _check_classes(rows: pd.DataFrame) -> None:
    """Training, choosing a threshold and testing each need both classes."""
    kept = rows[~rows["dropped"]]
    present = set(zip(kept["split"], kept["label"], strict=True))
    missing = [(split, label) for split in SPLITS for label in (0, 1) if (split, label) not in present]
    if missing:
        listed = ", ".join(f"no {LABELS[label]} face in {split}" for split, label in missing)
        raise FauxfaceError(f"split: {listed}. {_remedy(rows, {label for _, label in missing})}")


def _remedy(rows: pd.DataFrame, labels: Iterable[int]) -> str:
    for label in labels:
        if label not in set(rows["label"]):
            return f"No data set has {LABELS[label]} faces: add one to `datasets` in params.yaml."
    return (
        "Add data of that class with `use: split` (`use: test` is never trained on), raise split.valid or split.test, "
        "or set another split.seed."
    )
