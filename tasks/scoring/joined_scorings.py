"""The inputs of two scorings, joined: figures only, some 30 bytes an input, for there may be many millions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.scoring.export import first_rows
from tasks.scoring.store import ScoreFolder
from tasks.sources.status import Status

_COLUMNS = ["index", "member", "image_id", "status", "image_p_fake", "image_is_fake"]
_NAMES = ["index", "member", "image_id"]
STATUSES = pa.array([str(status) for status in Status])


def images(folder: ScoreFolder) -> pd.DataFrame:
    """Return one row per input of a scoring.

    Columns: `index`; `member` and `image`, 64-bit hashes of path and of image_id (0 where there is none); `status`, a
    category; `p_fake`, NaN where there is none; `verdict`, 1 fake, 0 real, -1 none.
    """
    parts = [_figures(first_rows(folder.read(_COLUMNS, part))) for part in folder.parts()]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    status = pd.Categorical.from_codes(columns.pop("status"), categories=STATUSES.to_pylist())
    return pd.DataFrame({**columns, "status": status})


def joined(before: pd.DataFrame, after: pd.DataFrame, *, same: bool) -> pd.DataFrame:
    """Return the inputs that both have: index, status, p_fake and verdict with _a and _b.

    Where both are of the `same` bytes the place in the archive tells them. Else the image's own bytes do, or for an
    input without any its path; of several alike the n-th goes with the n-th.
    """
    columns = ["index", "status", "p_fake", "verdict"]
    if same:
        pairs = before[columns].merge(after[columns], on="index", suffixes=("_a", "_b"))
        return pairs.assign(index_a=pairs["index"], index_b=pairs["index"])
    keyed = [
        each[columns].assign(key=each["image"].where(each["image"] != 0, each["member"])) for each in (before, after)
    ]
    one, other = (each.assign(nth=each.groupby("key").cumcount()) for each in keyed)
    return one.merge(other, on=["key", "nth"], suffixes=("_a", "_b"))


def changed_files(before: pd.DataFrame, after: pd.DataFrame) -> int:
    """Count the paths that both have with other bytes."""
    known = [each.loc[each["image"] != 0, ["member", "image"]] for each in (before, after)]
    one, other = (each.assign(nth=each.groupby("member").cumcount()) for each in known)
    pairs = one.merge(other, on=["member", "nth"], suffixes=("_a", "_b"))
    return int((pairs["image_a"] != pairs["image_b"]).sum())


def names_at(folder: ScoreFolder, indices: NDArray[np.int64]) -> pd.DataFrame:
    """Return member and image_id of the inputs at `indices`, in that order."""
    wanted = np.unique(indices)
    found = [_rows_at(folder.read(_NAMES, part), wanted) for part in folder.parts()]
    names: pd.DataFrame = pa.concat_tables(found).to_pandas().set_index("index")
    return names.loc[indices].reset_index(drop=True)


def _figures(table: pa.Table) -> dict[str, NDArray[Any]]:
    paths, ids = (table.column(name).to_pandas() for name in ("member", "image_id"))
    verdict = table.column("image_is_fake").cast(pa.int8()).fill_null(-1)
    return {
        "index": table.column("index").to_numpy(),
        "member": pd.util.hash_array(paths.to_numpy(object), categorize=False),
        "image": np.where(ids.isna(), 0, pd.util.hash_array(ids.fillna("").to_numpy(object), categorize=False)),
        "p_fake": table.column("image_p_fake").to_numpy(),
        "verdict": verdict.to_numpy(),
        "status": pc.index_in(table.column("status"), value_set=STATUSES).cast(pa.int8()).to_numpy(),
    }


def _rows_at(table: pa.Table, wanted: NDArray[np.int64]) -> pa.Table:
    """Return the first row of each input of a part that is among the sorted places `wanted`."""
    places = table.column("index").to_numpy()
    if not len(places):
        return table
    within = wanted[np.searchsorted(wanted, places[0]) : np.searchsorted(wanted, places[-1], side="right")]
    return table.take(np.searchsorted(places, within))
