"""From a data set's finished shards to its folder, in one rename."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.cropping.shard import images_part
from tasks.manifests.parts import write_table
from tasks.manifests.reading import reading
from tasks.params import CropParams, DatasetParams

# Raise it when a change of the code changes what a shard holds.
CROP_FORMAT = 5


def crop_key(dataset: DatasetParams, crop: CropParams, fingerprint: str) -> str:
    """Return what the content of a data set's shards depends on, as a short hash.

    Labels, groups and `use` are no part of it: they are applied when the faces are split.
    """
    facts = [CROP_FORMAT, dataset.name, reading(dataset), crop.model_dump(mode="json"), fingerprint]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def open_state(root: Path, dataset: str, key: str) -> Path:
    """Return the folder where the shards of an unfinished crop wait, without those of other settings.

    It lies outside DVC's outs, which DVC empties before a stage runs: so a killed stage goes on where it stopped.
    """
    folder = root / f"{dataset}@{key}"
    for other in root.glob(f"{dataset}@*"):
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def assemble(state: Path, shards: int, final: Path, notes: Mapping[str, str]) -> int:
    """Join all shards' image rows into images.parquet with `notes`, let the folder take its name; returns the rows."""
    parts = [images_part(state, index) for index in range(shards)]
    joined = pa.concat_tables([pq.read_table(part).replace_schema_metadata(None) for part in parts])
    write_table(state / "images.parquet", joined.replace_schema_metadata(dict(notes)))
    for path in state.iterdir():
        if path in parts or path.name.startswith("."):
            path.unlink()
    if final.exists():
        shutil.rmtree(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    state.rename(final)
    return int(joined.num_rows)
