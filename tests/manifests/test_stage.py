from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.manifests import stage
from tasks.manifests.shards import read_faces
from tasks.manifests.split import COLUMNS, SPLITS, Split, make_split
from tasks.manifests.stage import split_faces
from tasks.params import DatasetParams, FauxfaceError, SplitParams
from tasks.params.files import sha256_file

Row = dict[str, Any]
Table = Callable[[list[Row]], pa.Table]
Write = Callable[[Path, pa.Table, int], None]


def picture(value: int) -> bytes:
    return (value * 0x9E3779B97F4A7C15F39CC0605CEDC835 << 100).to_bytes(32, "big")


@pytest.fixture
def rows() -> list[Row]:
    """Faces of three data sets: near-duplicates, groups, a test-only twin, a given split that straddles."""
    split = [{"dataset": "a", "name": f"a{n}", "label": n % 2, "group": f"g{n // 4}"} for n in range(400)]
    split[8]["phash"] = split[9]["phash"] = split[10]["phash"] = picture(1)
    test = [{"dataset": "unseen", "name": f"u{n}", "label": 1} for n in range(20)]
    test[0]["phash"] = (int.from_bytes(picture(1)) ^ 0b1111).to_bytes(32, "big")
    given = [{"dataset": "kept", "name": f"k{n}", "label": n % 2, "split_given": SPLITS[n % 3]} for n in range(60)]
    given[0]["group"] = given[1]["group"] = "straddles"
    given[2]["image_id"] = given[5]["image_id"] = "9" * 64
    return split + test + given


@pytest.fixture
def datasets(dataset: Callable[..., DatasetParams]) -> list[DatasetParams]:
    return [dataset("a"), dataset("unseen", "test"), dataset("kept", "given")]


def test_the_report_adds_up(
    tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write, datasets: list[DatasetParams]
) -> None:
    write_faces(tmp_path / "faces", face_table(rows), 64)
    report = split_faces(tmp_path / "faces", tmp_path / "manifests", datasets, SplitParams())
    json.dumps(report, allow_nan=False)
    written = {side: pq.read_metadata(tmp_path / "manifests" / f"{side}.parquet").num_rows for side in SPLITS}
    assert report["faces"] == {"in": 480, **written, "dropped": 1}
    assert sum(written.values()) == 479
    for name, count in (("a", 400), ("unseen", 20), ("kept", 60)):
        strata = [report["datasets"][name][label] for label in ("real", "fake") if label in report["datasets"][name]]
        assert report["datasets"][name]["faces"] == count == sum(stratum["faces"] for stratum in strata)
        for stratum in strata:
            assert stratum["faces"] == sum(stratum[side] for side in (*SPLITS, "dropped"))
            assert sum(stratum[f"{side}_share"] for side in SPLITS) == pytest.approx(1, abs=2e-4)
    assert "real" not in report["datasets"]["unseen"]
    assert report["datasets"]["unseen"]["fake"]["test"] == 20
    assert report["clusters"]["count"] == 100 + 19 + 60 - 2
    assert report["clusters"]["largest"] == 5
    assert report["clusters"]["of_several_datasets"] == 1
    assert report["near_duplicates"] == {
        "bits": SplitParams().near_duplicate_bits,
        "pairs_within_datasets": 3,
        "pairs_between_datasets": 3,
        "pairs_with_different_labels": 1 + 1 + 2,
        "by_datasets": [{"datasets": ["a", "a"], "pairs": 3}, {"datasets": ["a", "unseen"], "pairs": 3}],
    }
    assert report["dropped"] == [
        {
            "dataset": "kept",
            "from": "train",
            "to": "valid",
            "faces": 1,
            "reason": "given as train, but belongs with faces in valid",
        }
    ]
    assert report["contradictions"] == {"files_with_both_labels": 1}
    assert report["leak_check"]["leaks"] == 0
    assert report["sha256"] == {side: sha256_file(tmp_path / "manifests" / f"{side}.parquet") for side in SPLITS}


def test_faces_that_follow_a_test_only_one_are_counted(
    tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write, datasets: list[DatasetParams]
) -> None:
    write_faces(tmp_path / "faces", face_table(rows), 64)
    moved = []
    for seed in range(4):
        report = split_faces(tmp_path / "faces", tmp_path / "manifests", datasets, SplitParams(seed=seed))
        moved += report["moved"]
    assert {(entry["dataset"], entry["to"], entry["faces"]) for entry in moved} == {("a", "test", 4)}


def test_strata_far_from_their_share_are_noted(
    tmp_path: Path, face_table: Table, write_faces: Write, datasets: list[DatasetParams]
) -> None:
    many = [{"dataset": "a", "name": f"{n}", "label": 0, "group": "twin"} for n in range(50)]
    few = [{"dataset": "a", "name": f"f{n}", "label": 1} for n in range(40)]
    kept = [{"dataset": "kept", "name": f"k{n}", "label": n % 2, "split_given": SPLITS[n % 3]} for n in range(60)]
    write_faces(tmp_path / "faces", face_table(many + few + kept), 1000)
    used = [datasets[0], datasets[2]]
    notes = split_faces(tmp_path / "faces", tmp_path / "manifests", used, SplitParams(valid=0.01))["notes"]
    assert sum(note.startswith("a, real: no face in ") for note in notes) == 2
    notes = split_faces(tmp_path / "faces", tmp_path / "manifests", used, SplitParams(seed=5, valid=0.5, test=0.3))[
        "notes"
    ]
    assert not [note for note in notes if note.startswith("a, fake")]


def test_the_same_faces_give_the_same_bytes_and_report(
    tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write, datasets: list[DatasetParams]
) -> None:
    write_faces(tmp_path / "faces", face_table(rows), 64)
    reports = [split_faces(tmp_path / "faces", tmp_path / name, datasets, SplitParams()) for name in ("one", "two")]
    assert reports[0] == reports[1]


def test_a_split_that_leaks_leaves_no_manifest(
    tmp_path: Path,
    rows: list[Row],
    face_table: Table,
    write_faces: Write,
    datasets: list[DatasetParams],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_faces(tmp_path / "faces", face_table(rows), 64)

    def forget_the_groups(faces: pa.Table, *settings: Any) -> Split:
        split = make_split(faces, *settings)
        train = split.rows.index[(split.rows["dataset"] == "a") & (split.rows["split"] == "train")]
        return Split(
            split.rows.assign(split=split.rows["split"].mask(split.rows.index == train[0], "test")), split.clusters
        )

    monkeypatch.setattr(stage, "make_split", forget_the_groups)
    with pytest.raises(FauxfaceError, match="leak check: 2 faces have another of the same group"):
        split_faces(tmp_path / "faces", tmp_path / "manifests", datasets, SplitParams())
    assert list((tmp_path / "manifests").iterdir()) == []


def test_a_failed_split_leaves_no_older_manifest(tmp_path: Path, datasets: list[DatasetParams]) -> None:
    (tmp_path / "train.parquet").write_bytes(b"old")
    with pytest.raises(FauxfaceError, match="no faces yet"):
        split_faces(tmp_path / "faces", tmp_path, datasets, SplitParams())
    assert list(tmp_path.iterdir()) == []


def test_faces_are_read_with_their_place(
    tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write
) -> None:
    write_faces(tmp_path, face_table(rows), 64)
    faces = read_faces(tmp_path, ["kept", "a"], COLUMNS)
    places = list(zip(*(faces[name].to_pylist() for name in ("dataset", "shard", "row")), strict=True))
    assert places == [("kept", 0, n) for n in range(60)] + [("a", n // 64, n % 64) for n in range(400)]
    assert faces["member"].to_pylist()[60 + 70] == "a70.jpg"
    assert set(faces.column_names) == set(COLUMNS)
    assert [str(faces.schema.field(name).type) for name in ("shard", "row", "phash")] == [
        "int32",
        "int32",
        "fixed_size_binary[32]",
    ]
    assert read_faces(tmp_path, [], ["label"]).schema.names == ["dataset", "shard", "row", "label"]


def test_faces_that_are_not_there(tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write) -> None:
    write_faces(tmp_path, face_table(rows), 64)
    with pytest.raises(FauxfaceError, match=r"nowhere: this data set has no faces yet\..*dvc repro"):
        read_faces(tmp_path, ["nowhere"], ["label"])
    shard = tmp_path / "a" / "faces-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(FauxfaceError, match=r"faces-00001\.parquet: cannot be read"):
        read_faces(tmp_path, ["a"], ["label"])
    shard.unlink()
    with pytest.raises(FauxfaceError, match=r"faces-00001\.parquet: this shard is missing"):
        read_faces(tmp_path, ["a"], ["label"])
    pq.write_table(pa.table({"label": [1]}), shard)
    with pytest.raises(FauxfaceError, match=r"faces-00001\.parquet: has no column 'phash'"):
        read_faces(tmp_path, ["a"], ["phash"])


def test_a_data_set_without_a_face_counts_as_none(
    tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write, dataset: Callable[..., DatasetParams]
) -> None:
    write_faces(tmp_path / "faces", face_table(rows), 64)
    (tmp_path / "faces" / "empty").mkdir()
    pq.write_table(pa.table({"index": pa.array([], pa.int64())}), tmp_path / "faces" / "empty" / "images.parquet")
    report = split_faces(tmp_path / "faces", tmp_path / "out", [dataset("a"), dataset("empty")], SplitParams())
    assert report["datasets"]["empty"] == {"use": "split", "faces": 0, "without_group": 0}
