"""The split stage, from the faces of all data sets to checked manifests and their report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.manifests.leaks import check_leaks
from tasks.manifests.manifest_files import manifest_path, write_manifests
from tasks.manifests.shards import read_faces
from tasks.manifests.split import COLUMNS, SPLITS, make_split
from tasks.manifests.split_report import split_report
from tasks.params import DatasetParams, FauxfaceError, SplitParams


def split_faces(
    faces_root: Path, manifests: Path, datasets: Sequence[DatasetParams], params: SplitParams
) -> dict[str, Any]:
    """Write the manifests of `datasets`, whose faces lie in `faces_root`/<name>, and return the report.

    Raises FauxfaceError when faces are missing or unlabelled, a class is missing from a side, or the leak check finds
    something; no manifest is left then.
    """
    _remove(manifests)
    faces = read_faces(faces_root, [dataset.name for dataset in datasets], COLUMNS)
    split = make_split(faces, datasets, params)
    hashes = write_manifests(split, manifests)
    try:
        leaks = check_leaks(manifests, faces, params.near_duplicate_bits)
    except FauxfaceError:
        _remove(manifests)
        raise
    return {**split_report(split, datasets, params), "leak_check": leaks, "sha256": hashes}


def _remove(manifests: Path) -> None:
    for split in SPLITS:
        manifest_path(manifests, split).unlink(missing_ok=True)
