"""The manifests on disk: train.parquet, valid.parquet and test.parquet."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.manifests.parts import write_table
from tasks.manifests.schemas import MANIFEST
from tasks.manifests.split import SPLITS, Split
from tasks.params import FauxfaceError
from tasks.params.files import sha256_file


def manifest_path(folder: Path, split: str) -> Path:
    """Return the file of one side."""
    return folder / f"{split}.parquet"


def write_manifests(split: Split, folder: Path) -> dict[str, str]:
    """Write the three manifests into `folder`; returns {side: SHA-256 of its file}.

    The same split gives the same bytes. The column `group` holds the key of the whole cluster: what was split as one.
    """
    kept = split.rows[~split.rows["dropped"]]
    kept = kept.drop(columns="group").rename(columns={"key": "group"})
    for name in SPLITS:
        rows = kept.loc[kept["split"] == name, MANIFEST.names]
        table = pa.Table.from_pandas(rows, schema=MANIFEST, preserve_index=False).replace_schema_metadata(None)
        write_table(manifest_path(folder, name), table)
    return {name: sha256_file(manifest_path(folder, name)) for name in SPLITS}


def read_manifest(folder: Path, split: str) -> pa.Table:
    """Return the manifest of one side; raises FauxfaceError when it is missing or damaged."""
    path = manifest_path(folder, split)
    try:
        return pq.read_table(path, schema=MANIFEST)
    except (OSError, pa.ArrowException) as error:
        raise FauxfaceError(f"{path}: cannot be read ({error}). Run the split stage: `dvc repro split`.") from None
