from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.manifests import stage
from tasks.manifests.left_out import split_lines
from tasks.manifests.shards import read_faces
from tasks.manifests.split import SPLITS, Split, make_split
from tasks.manifests.stage import split_faces
from tasks.params import DatasetParams, FauxfaceError, SplitParams
from tasks.params.files import sha256_file
from tests.manifests.conftest import write_images

Row = dict[str, Any]
Table = Callable[[list[Row]], pa.Table]
Write = Callable[[Path, pa.Table, int], None]
NAMES = ("member", "phash")


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
    given[2]["image_id"] = given[5]["image_id"] = "9" * 64  # under both labels
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
    left_out = {"dropped": 1, "unlabelled": 0, "contradictory": 2}
    assert report["faces"] == {"in": 480, **written, **left_out}
    assert sum(written.values()) == 477
    for name, count in (("a", 400), ("unseen", 20), ("kept", 58)):
        strata = [report["datasets"][name][label] for label in ("real", "fake") if label in report["datasets"][name]]
        assert report["datasets"][name]["faces"] == count == sum(stratum["faces"] for stratum in strata)
        for stratum in strata:
            assert stratum["faces"] == sum(stratum[side] for side in (*SPLITS, "dropped"))
            assert sum(stratum[f"{side}_share"] for side in SPLITS) == pytest.approx(1, abs=2e-4)
    assert "real" not in report["datasets"]["unseen"]
    assert report["datasets"]["unseen"]["fake"]["test"] == 20
    assert report["clusters"]["count"] == 100 + 19 + 58 - 1
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
    assert report["datasets"]["kept"]["contradictory"] == 2
    assert report["contradictions"] == {
        "files_with_both_labels": 1,
        "faces": 2,
        "datasets": {"kept": 2},
        "examples": ["kept k2.jpg", "kept k5.jpg"],
    }
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
    faces = read_faces(tmp_path, ["kept", "a"], NAMES)
    places = list(zip(*(faces[name].to_pylist() for name in ("dataset", "shard", "row")), strict=True))
    assert places == [("kept", 0, n) for n in range(60)] + [("a", n // 64, n % 64) for n in range(400)]
    assert faces["member"].to_pylist()[60 + 70] == "a70.jpg"
    assert faces.column_names == ["dataset", "shard", "row", *NAMES]
    assert [str(faces.schema.field(name).type) for name in ("shard", "row", "phash")] == [
        "int32",
        "int32",
        "fixed_size_binary[32]",
    ]
    assert read_faces(tmp_path, [], ["phash"]).schema.names == ["dataset", "shard", "row", "phash"]


def test_faces_that_are_not_there(tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write) -> None:
    write_faces(tmp_path, face_table(rows), 64)
    with pytest.raises(FauxfaceError, match=r"nowhere: this data set has no faces yet\..*dvc repro"):
        read_faces(tmp_path, ["nowhere"], ["phash"])
    shard = tmp_path / "a" / "faces-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(FauxfaceError, match=r"faces-00001\.parquet: cannot be read"):
        read_faces(tmp_path, ["a"], ["member"])
    shard.unlink()
    with pytest.raises(FauxfaceError, match=r"faces-00001\.parquet: this shard is missing"):
        read_faces(tmp_path, ["a"], ["member"])
    pq.write_table(pa.table({"member": ["x"]}), shard)
    with pytest.raises(FauxfaceError, match=r"faces-00001\.parquet: has no column 'phash'"):
        read_faces(tmp_path, ["a"], ["phash"])


def test_a_data_set_without_a_face_counts_as_none_and_is_told(
    tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write, dataset: Callable[..., DatasetParams]
) -> None:
    write_faces(tmp_path / "faces", face_table(rows), 64)
    write_images(tmp_path / "faces" / "empty", [{"member": "tree.jpg", "status": "no_face", "n_faces": 0}])
    report = split_faces(tmp_path / "faces", tmp_path / "out", [dataset("a"), dataset("empty")], SplitParams())
    nothing = {"faces": 0, "without_group": 0, "unlabelled": 0, "contradictory": 0}
    assert report["datasets"]["empty"] == {"use": "split", **nothing}
    assert "data set empty: no face was found in it, so it adds nothing" in report["warnings"]


def test_a_source_that_adds_nothing_is_told(
    tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write, dataset: Callable[..., DatasetParams]
) -> None:
    own = [row for row in rows if row["dataset"] == "a"]
    copies = [{**row, "dataset": "copy"} for row in own]
    part = [{**row, "dataset": "apart"} for row in own[:7]]
    new = [{"dataset": "more", "name": f"m{n}", "label": n % 2} for n in range(3)] + [{**own[0], "dataset": "more"}]
    write_faces(tmp_path / "faces", face_table([*own, *copies, *part, *new]), 64)
    sets = [dataset(name) for name in ("apart", "a", "copy", "more")]
    report = split_faces(tmp_path / "faces", tmp_path / "out", sets, SplitParams())
    told = [warning for warning in report["warnings"] if "adds nothing" in warning]
    assert told == [
        "data set copy: all its 400 images are in other data sets too, so it adds nothing",
        "data set apart: all its 7 images are in other data sets too, so it adds nothing",
    ]


def test_what_the_console_says(
    tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write, datasets: list[DatasetParams]
) -> None:
    for row in rows[:3]:
        row["label"] = None
    write_faces(tmp_path / "faces", face_table(rows), 64)
    report = split_faces(tmp_path / "faces", tmp_path / "manifests", datasets, SplitParams())
    table = 1 + sum(bool(counts.get(label)) for counts in report["datasets"].values() for label in ("real", "fake"))
    first, *others = split_lines(report)[table:]
    assert first.endswith("1 dropped, 3 unlabelled, 2 contradictory")
    assert len(others) == 3
    assert others[0].startswith("data set a: 397 of 400 faces have a label; no label: the dump says nothing of 'label'")
    assert others[0].endswith("The 3 without one were left out.")
    assert others[1].startswith("contradictions: 2 faces are of pictures that stand under both labels")
    assert "4 pairs of near-duplicates are a real and a fake face" in others[2]
    clean = {**report, "faces": {**report["faces"], "unlabelled": 0, "contradictory": 0, "dropped": 0}, "warnings": []}
    assert split_lines(clean)[-1].endswith(" test, 0 dropped")
    assert len(split_lines(clean)) == table + 1


def test_the_tables_beside_the_dumps_are_told_before_anything_is_written(
    tmp_path: Path, rows: list[Row], face_table: Table, write_faces: Write, datasets: list[DatasetParams]
) -> None:
    def refuse(files: Sequence[Path]) -> None:
        raise FauxfaceError(f"not watched: {len(files)}")

    write_faces(tmp_path / "faces", face_table(rows), 64)
    with pytest.raises(FauxfaceError, match="not watched: 0"):
        split_faces(tmp_path / "faces", tmp_path / "manifests", datasets, SplitParams(), refuse)
    assert not (tmp_path / "manifests").exists()
