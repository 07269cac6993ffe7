"""An independent look for leaks: recomputed from the written manifests and the faces, without the split's clusters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tasks.manifests.duplicates import BITS, Ints, hash_words, near_duplicate_pairs
from tasks.manifests.manifest_files import read_manifest
from tasks.manifests.split import SPLITS
from tasks.params import FauxfaceError

# Up to so many pairs across sides each is compared, a few seconds' work; above, those that share a band of bits.
MAX_COMPARED = 300_000_000
_BLOCK = 2048  # hashes a side compared at a time: 16 MB of distances
_EXAMPLES = 3
_PLACE = ["dataset", "shard", "row"]


def check_leaks(manifests: Path, faces: pa.Table, bits: int) -> dict[str, Any]:
    """Return what was checked: rows, groups, images, pairs of hashes, and how.

    `faces` are the rows of all data sets with face_id, image_id, label, group, phash, member and their place. Raises
    FauxfaceError, with examples, when a manifest row is no face or stands twice, or when a group, a file or a pair of
    near-duplicates (`bits` of 256 or fewer differ) has faces on two sides.
    """
    rows = _joined(manifests, faces)
    _check_together(rows, ["image_id"], "file")
    grouped = rows[rows["group"].notna()]
    _check_together(grouped, ["dataset", "group"], "group")
    _check_together(rows, ["phash"], "picture")
    hashes = rows.drop_duplicates("phash").reset_index(drop=True)
    pairs, compared = _across(hashes, bits)
    _refuse_pairs(hashes, pairs, bits)
    return {
        "rows": len(rows),
        "files": int(rows["image_id"].nunique()),
        "groups": len(grouped[["dataset", "group"]].drop_duplicates()),
        "hashes": len(hashes),
        "near_duplicates": "every pair across sides"
        if compared
        else "pairs across sides with a band of bits in common",
        "leaks": 0,
    }


def _joined(manifests: Path, faces: pa.Table) -> pd.DataFrame:
    """Return the manifests' rows with the faces that they point at."""
    parts = [read_manifest(manifests, split).drop_columns(["group"]) for split in SPLITS]
    rows: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    columns = [*_PLACE, "face_id", "image_id", "label", "group", "phash", "member"]
    found = rows.merge(faces.select(columns).to_pandas(), on=_PLACE, how="left", suffixes=("", "_face"))
    _refuse(rows[rows.duplicated(_PLACE)], "faces stand in the manifests twice")
    differ = (found["face_id"] != found["face_id_face"]) | (found["label"] != found["label_face"])
    _refuse(found[differ], "rows of the manifests do not point at the face that they name")
    wrong = [read_manifest(manifests, split)["split"].to_pandas().ne(split).any() for split in SPLITS]
    if any(wrong):
        raise FauxfaceError(f"{manifests}: a manifest holds rows of another side.")
    return found


def _check_together(rows: pd.DataFrame, by: list[str], what: str) -> None:
    sides = rows.groupby(by, sort=False)["split"].transform("nunique")
    torn = rows[sides > 1].sort_values([*by, "split"]).drop_duplicates([*by, "split"])
    _refuse(torn, f"faces have another of the same {what} on another side")


def _refuse(faulty: pd.DataFrame, fault: str) -> None:
    if len(faulty):
        shown = faulty.head(_EXAMPLES).to_dict("records")
        examples = "; ".join(
            f"{row['dataset']} {row.get('member') or row['face_id']} ({row['split']})" for row in shown
        )
        raise FauxfaceError(f"leak check: {len(faulty)} {fault}: {examples}. Run the split stage again.")


def _across(hashes: pd.DataFrame, bits: int) -> tuple[Iterator[tuple[Ints, Ints]], bool]:
    """Return the near-duplicate pairs across sides (positions in `hashes`), and whether every pair was compared."""
    side = np.asarray(hashes["split"].map({name: number for number, name in enumerate(SPLITS)}), np.int64)
    words = hash_words(hashes["phash"].tolist())
    sizes = np.bincount(side, minlength=len(SPLITS))
    if (len(side) ** 2 - int((sizes**2).sum())) // 2 <= MAX_COMPARED:
        return _compare_all(words, side, bits), True
    return near_duplicate_pairs(words, bits, lambda: side), False


def _compare_all(words: NDArray[np.uint64], side: Ints, bits: int) -> Iterator[tuple[Ints, Ints]]:
    """Compare each hash with all of the other sides: as vectors of +-1, whose product is 256 - 2 distance."""
    for number in range(len(SPLITS)):
        own, later = np.flatnonzero(side == number), np.flatnonzero(side > number)
        for start in range(0, len(own), _BLOCK):
            one = own[start : start + _BLOCK]
            signs = _signs(words[one])
            for begin in range(0, len(later), _BLOCK):
                other = later[begin : begin + _BLOCK]
                first, second = np.nonzero(signs @ _signs(words[other]).T >= BITS - 2 * bits)
                yield one[first], other[second]


def _signs(words: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Return hashes (n, 4) as vectors (n, 256) of -1 and 1."""
    spread = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1)
    signs: NDArray[np.float32] = spread.astype(np.float32) * 2 - 1
    return signs


def _refuse_pairs(hashes: pd.DataFrame, pairs: Iterator[tuple[Ints, Ints]], bits: int) -> None:
    for one, other in pairs:
        if len(one):
            examples = "; ".join(
                f"{_shown(hashes, first)} and {_shown(hashes, second)}"
                for first, second in zip(one[:_EXAMPLES], other[:_EXAMPLES], strict=True)
            )
            fault = f"near-duplicates ({bits} bits or fewer differ) on two sides"
            raise FauxfaceError(f"leak check: {fault}: {examples}. Run the split stage again.")


def _shown(hashes: pd.DataFrame, position: int) -> str:
    row = hashes.iloc[int(position)]
    return f"{row['dataset']} {row['member']} ({row['split']})"
