"""Pictures that stand under both labels: nobody can say which is right, so no copy is learnt from or tested on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.manifests.schemas import shard_name

_SHOWN = 3


def contradicted(faces: pa.Table, faces_root: Path) -> pd.DataFrame:
    """Return the faces (of LabelledFaces) whose picture has both labels: the same file, or the same pixels in another.

    Near-duplicates alone say nothing: a face swap or an edit is one of the photograph that it was made of. So crops
    are compared, byte for byte, where two perceptual hashes are equal.
    """
    rows: pd.DataFrame = faces.drop_columns(["member"]).to_pandas().assign(member=faces["member"].to_pylist())
    same_file = _both_labels(rows, "image_id")
    alike = rows[_both_labels(rows, "phash") & ~same_file]
    crops = alike.assign(crop=_crop_hashes(alike, faces_root))
    same_pixels = alike.index[_both_labels(crops, "crop")]
    return rows[same_file | rows.index.isin(same_pixels)]


def contradictions_report(found: pd.DataFrame) -> dict[str, Any]:
    """Return what reports/split.json says of the faces that `contradicted` found."""
    examples = found.sort_values(["image_id", "label", "dataset", "member"]).head(_SHOWN)
    return {
        "files_with_both_labels": int((found.groupby("image_id")["label"].nunique() > 1).sum()),
        "faces": len(found),
        "datasets": {str(name): int(count) for name, count in found["dataset"].value_counts().sort_index().items()},
        "examples": [f"{row['dataset']} {row['member']}" for row in examples.to_dict("records")],
    }


def _both_labels(rows: pd.DataFrame, by: str) -> pd.Series[bool]:
    return rows.groupby(by)["label"].transform("nunique") > 1


def _crop_hashes(rows: pd.DataFrame, faces_root: Path) -> list[str]:
    """Return the hash of each face's stored crop, in the order of `rows`; a shard is read once."""
    hashes: dict[Any, str] = {}
    shards = rows[["dataset", "shard"]].drop_duplicates().itertuples(index=False)
    for dataset, shard in shards:
        part = rows[(rows["dataset"] == dataset) & (rows["shard"] == shard)]
        crops = pq.read_table(faces_root / str(dataset) / shard_name(int(shard)), columns=["image"])["image"]
        picked = crops.take(pa.array(part["row"])).to_pylist()
        hashes |= {
            place: hashlib.sha256(crop["bytes"]).hexdigest() for place, crop in zip(part.index, picked, strict=True)
        }
    return [hashes[place] for place in rows.index]
