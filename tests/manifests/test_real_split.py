from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.imaging.decode import decode
from tasks.imaging.phash import phash
from tasks.manifests import split as split_module
from tasks.manifests.clusters import Clusters
from tasks.manifests.labelled import label_faces
from tasks.manifests.parts import write_part
from tasks.manifests.schemas import TABLES, tables_name
from tasks.manifests.split import SPLITS
from tasks.manifests.stage import split_faces
from tasks.params import DatasetParams, FauxfaceError, SplitParams
from tasks.sources import open_source

Row = dict[str, Any]
CSV = {"rule": "csv", "file": "metadata.csv"}


@pytest.fixture(scope="module")
def videos(real_data: Path) -> DatasetParams:
    source = str(real_data / "faces" / "dfdc_faceswap.tar")
    return DatasetParams.model_validate({"name": "dfdc", "source": source, "label": CSV, "group": CSV})


@pytest.fixture(scope="module")
def faces(
    videos: DatasetParams,
    face_table: Callable[[list[Row]], pa.Table],
    write_faces: Callable[[Path, pa.Table, int], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of faces of 2,000 videos and their face swaps, each whole image taken for its face."""
    source = open_source(videos.source)
    rows, tables = [], []
    for member in source.members():
        if member.data is not None and member.path.endswith(".csv"):
            tables.append({"member": member.path, "data": member.data})
        elif member.data is not None:
            picture = phash(decode(member.data, max_pixels=10**6).pixels)
            image = hashlib.sha256(member.data).hexdigest()
            rows.append(
                {"dataset": "dfdc", "name": member.path, "member": member.path, "image_id": image, "phash": picture}
            )
    root = tmp_path_factory.mktemp("real")
    write_faces(root, face_table(rows), 1000)
    write_part(root / "dfdc" / tables_name(0), tables, TABLES, {})
    return root


def test_a_video_and_its_swap_are_on_one_side(faces: Path, videos: DatasetParams, tmp_path: Path) -> None:
    report = split_faces(faces, tmp_path, [videos], SplitParams())
    manifests = [pq.read_table(tmp_path / f"{side}.parquet").to_pandas() for side in SPLITS]
    everything = pd.concat(manifests)
    assert len(everything) == 4000 == len(everything[["shard", "row"]].drop_duplicates())
    # Not by face_id: four pictures are in the archive twice, byte for byte.
    groups = everything.merge(
        label_faces(faces, [videos]).faces.to_pandas(), on=["shard", "row"], suffixes=("_cluster", "")
    )
    assert groups.groupby("group")["split"].nunique().eq(1).all()
    assert groups.groupby("group").size().eq(2).all()
    assert report["datasets"]["dfdc"]["real"]["faces"] == report["datasets"]["dfdc"]["fake"]["faces"] == 2000
    for label in ("real", "fake"):
        stratum = report["datasets"]["dfdc"][label]
        assert [stratum[f"{side}_share"] for side in SPLITS] == pytest.approx([0.7, 0.15, 0.15], abs=0.03)
    # Some videos are in the set twice, under two names: their groups are joined by their pictures.
    assert report["clusters"]["count"] < 2000
    assert report["leak_check"]["groups"] == 2000


def test_twice_the_same_bytes(faces: Path, videos: DatasetParams, tmp_path: Path) -> None:
    one, two = (split_faces(faces, tmp_path / name, [videos], SplitParams(seed=3)) for name in ("one", "two"))
    assert one == two
    for side in SPLITS:
        assert (tmp_path / "one" / f"{side}.parquet").read_bytes() == (
            tmp_path / "two" / f"{side}.parquet"
        ).read_bytes()


def test_without_groups_the_leak_check_finds_what_file_names_hide(
    faces: Path, videos: DatasetParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A split by file instead of by cluster must not pass."""

    def by_face(rows: pd.DataFrame, *_: Any) -> Any:
        return Clusters(np.arange(len(rows)), np.arange(len(rows)))

    monkeypatch.setattr(split_module, "find_clusters", by_face)
    with pytest.raises(FauxfaceError, match="leak check"):
        split_faces(faces, tmp_path, [videos], SplitParams())
