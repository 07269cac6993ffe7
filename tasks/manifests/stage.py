"""The split stage, from the faces of all data sets to checked manifests and their report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.manifests.contradictions import contradicted
from tasks.manifests.labelled import label_faces
from tasks.manifests.leaks import check_leaks
from tasks.manifests.left_out import with_left_out
from tasks.manifests.manifest_files import manifest_path, write_manifests
from tasks.manifests.split import SPLITS, make_split
from tasks.manifests.split_report import split_report
from tasks.params import DatasetParams, FauxfaceError, SplitParams


def split_faces(
    faces_root: Path,
    manifests: Path,
    datasets: Sequence[DatasetParams],
    params: SplitParams,
    watched: Callable[[Sequence[Path]], None] = lambda _: None,
) -> dict[str, Any]:
    """Write the manifests of `datasets`, whose faces lie in `faces_root`/<name>, and return the report.

    Faces without a label, and pictures under both labels, are left out and counted. `watched` is told the tables beside
    the dumps that the rules read, and raises FauxfaceError for one whose changes nobody would notice. Raises
    FauxfaceError as well when faces are missing, a data set's rules fit none of its faces, a class is missing from a
    side, or the leak check finds something; no manifest is left then.
    """
    _remove(manifests)
    labelled = label_faces(faces_root, datasets)
    watched(labelled.local_files)
    twofold = contradicted(labelled.faces, faces_root)
    faces = labelled.faces.filter(pa.array(~np.isin(np.arange(labelled.faces.num_rows), twofold.index)))
    split = make_split(faces, datasets, params)
    hashes = write_manifests(split, manifests)
    try:
        leaks = check_leaks(manifests, faces, params.near_duplicate_bits)
    except FauxfaceError:
        _remove(manifests)
        raise
    report = with_left_out(split_report(split, datasets, params), labelled, twofold)
    return {**report, "leak_check": leaks, "sha256": hashes}


def _remove(manifests: Path) -> None:
    for split in SPLITS:
        manifest_path(manifests, split).unlink(missing_ok=True)
