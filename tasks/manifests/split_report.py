"""What reports/split.json says: counts in and out, shares by stratum, clusters, near-duplicates, dropped faces."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tasks.manifests.clusters import count_pairs
from tasks.manifests.split import LABELS, SPLITS, Split
from tasks.params import DatasetParams, SplitParams

# A share further off than so many standard deviations is worth a note.
_UNUSUAL = 3.0
_Json = dict[str, Any]


def split_report(split: Split, datasets: Sequence[DatasetParams], params: SplitParams) -> _Json:
    """Return the metrics of a split, ready for JSON; counts are of faces."""
    rows = split.rows
    strata = {dataset.name: _dataset(rows[rows["dataset"] == dataset.name], dataset, params) for dataset in datasets}
    return {
        "faces": {"in": len(rows), **_sides(rows)},
        "datasets": strata,
        "clusters": _clusters(rows),
        "near_duplicates": _near_duplicates(split, params),
        "moved": _moved(rows),
        "dropped": _dropped(rows),
        "notes": _notes(strata),
    }


def _sides(rows: pd.DataFrame) -> dict[str, int]:
    kept = rows.loc[~rows["dropped"], "split"].value_counts()
    return {**{name: int(kept.get(name, 0)) for name in SPLITS}, "dropped": int(rows["dropped"].sum())}


def _dataset(rows: pd.DataFrame, dataset: DatasetParams, params: SplitParams) -> _Json:
    labels = {name: _stratum(rows[rows["label"] == label], dataset, params) for label, name in enumerate(LABELS)}
    present = {name: stratum for name, stratum in labels.items() if stratum["faces"]}
    return {"use": dataset.use, "faces": len(rows), "without_group": int(rows["group"].isna().sum()), **present}


def _stratum(rows: pd.DataFrame, dataset: DatasetParams, params: SplitParams) -> _Json:
    """Count one label of one data set; where it was drawn by hash, compare with the shares that were asked for."""
    counts = _sides(rows)
    kept = max(sum(counts[name] for name in SPLITS), 1)
    stratum: _Json = {"faces": len(rows), **counts, "clusters": int(rows["cluster"].nunique())}
    stratum |= {f"{name}_share": round(counts[name] / kept, 4) for name in SPLITS}
    if dataset.use == "split" and len(rows):
        stratum |= {f"{name}_deviations": _deviations(rows, name, getattr(params, name)) for name in ("valid", "test")}
    return stratum


def _deviations(rows: pd.DataFrame, name: str, wanted: float) -> float:
    """Return how many standard deviations of a draw with probability `wanted` the clusters on side `name` are off."""
    clusters = rows.drop_duplicates("cluster")
    count, got = len(clusters), int((clusters["split"] == name).sum())
    return round((got - count * wanted) / math.sqrt(count * wanted * (1 - wanted)), 2)


def _clusters(rows: pd.DataFrame) -> _Json:
    groups = rows.groupby("cluster")
    sizes = groups.size()
    return {
        "count": len(sizes),
        "of_one_face": int((sizes == 1).sum()),
        "largest": int(sizes.max()),
        "of_several_datasets": int((groups["dataset"].nunique() > 1).sum()),
        "of_both_labels": int((groups["label"].nunique() > 1).sum()),
    }


def _near_duplicates(split: Split, params: SplitParams) -> _Json:
    pairs = count_pairs(split.rows, split.clusters.alike)
    by_datasets = [{"datasets": list(names), "pairs": count} for names, count in sorted(pairs.by_datasets.items())]
    within = sum(count for (one, other), count in pairs.by_datasets.items() if one == other)
    return {
        "bits": params.near_duplicate_bits,
        "pairs_within_datasets": within,
        "pairs_between_datasets": sum(pairs.by_datasets.values()) - within,
        "pairs_with_different_labels": pairs.different_labels,
        "by_datasets": by_datasets,
    }


def _moved(rows: pd.DataFrame) -> list[_Json]:
    """Count the faces of data sets to split that follow a face whose side is given, against what was drawn."""
    moved = rows[~rows["dropped"] & (rows["split"] != rows["drawn"]) & (rows["use"] == "split")]
    return _counted(moved.groupby(["dataset", "drawn", "split"]).size(), ("dataset", "from", "to"))


def _dropped(rows: pd.DataFrame) -> list[_Json]:
    reasons = rows[rows["dropped"]].groupby(["dataset", "split_given", "split"]).size()
    return [
        {**entry, "reason": f"given as {entry['from']}, but belongs with faces in {entry['to']}"}
        for entry in _counted(reasons, ("dataset", "from", "to"))
    ]


def _counted(sizes: pd.Series[int], names: tuple[str, ...]) -> list[_Json]:
    """Return a record per entry of `sizes`: its index under `names`, and the count."""
    keys = sizes.index.to_frame(index=False).set_axis(list(names), axis=1).astype(str)
    counted: list[_Json] = keys.assign(faces=sizes.to_numpy()).to_dict("records")  # type: ignore[assignment]
    return counted


def _notes(strata: Mapping[str, _Json]) -> list[str]:
    """Say in words which strata are missing from a side or far from their share."""
    notes = []
    for dataset, counts in strata.items():
        for label in [label for label in LABELS if label in counts and counts["use"] == "split"]:
            stratum, where = counts[label], f"{dataset}, {label}:"
            notes += [f"{where} no face in {name}" for name in SPLITS if not stratum[name]]
            notes += [
                f"{where} {name} has a share of {stratum[f'{name}_share']:.3f}, {stratum[f'{name}_deviations']:+.1f} "
                f"standard deviations from what was asked for"
                for name in ("valid", "test")
                if abs(stratum[f"{name}_deviations"]) > _UNUSUAL
            ]
    return notes
