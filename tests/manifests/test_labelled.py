"""Faces and their labels: who is left out, what is told of them, and what a rule may ask for after the crop."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.manifests.labelled import label_faces, unlabelled_text
from tasks.manifests.parts import write_table
from tasks.manifests.reading import READING, reading
from tasks.manifests.schemas import LABELS
from tasks.params import DatasetParams, FauxfaceError
from tests.manifests.conftest import table_of, write_images, write_shards

Row = dict[str, Any]
Dataset = Callable[..., DatasetParams]
MEMBERS = [f"{label}/{n}.jpg" for label in ("real", "fake") for n in range(4)]
CSV = {"rule": "csv", "file": "labels.csv"}


def make(root: Path, tables: dict[str, str] | None = None, members: list[str] = MEMBERS, **image: Any) -> Path:
    """Write the faces of the data set `set`, one an image, in shards of three."""
    faces = table_of([{"dataset": "set", "name": member, "member": member} for member in members])
    write_shards(root, faces, 3)
    ids = faces["image_id"].to_pylist()
    images = [{"member": member, "image_id": each, **image} for member, each in zip(members, ids, strict=True)]
    write_images(root / "set", images, tables)
    return root


def labels(root: Path, dataset: Dataset, **rules: Any) -> dict[str, int]:
    faces = label_faces(root, [dataset("set", **rules)]).faces
    return dict(zip(faces["member"].to_pylist(), faces["label"].to_pylist(), strict=True))


def lines(*pairs: tuple[str, str]) -> str:
    return "file,label\n" + "".join(f"{name},{label}\n" for name, label in pairs)


def test_another_rule_needs_no_other_crop(tmp_path: Path, dataset: Dataset) -> None:
    turned = lines(*((member, "fake" if member.startswith("real") else "real") for member in MEMBERS))
    root = make(tmp_path, {"labels.csv": turned})
    by_folder = labels(root, dataset, label={"rule": "folder"}, group={"rule": "none"})
    assert by_folder == {member: int(member.startswith("fake")) for member in MEMBERS}
    assert labels(root, dataset, label=CSV, group={"rule": "none"}) == {m: 1 - by_folder[m] for m in MEMBERS}
    always = labels(root, dataset, label={"rule": "constant", "value": "fake"}, group={"rule": "none"})
    assert set(always.values()) == {1}


def test_faces_carry_label_group_and_given_split(tmp_path: Path, dataset: Dataset) -> None:
    root = make(tmp_path, members=["train/real/ann/1.jpg", "test/fake/bob/2.jpg"])
    settings = dataset("set", "given", label={"rule": "folder"}, group={"rule": "folder"})
    faces = label_faces(root, [settings]).faces
    assert faces.select(LABELS.names).to_pylist() == [
        {"label": 0, "group": "ann", "split_given": "train"},
        {"label": 1, "group": "bob", "split_given": "test"},
    ]
    assert all(faces.schema.field(field.name).type == field.type for field in LABELS)


def test_an_unlisted_image_is_left_out_and_counted(tmp_path: Path, dataset: Dataset) -> None:
    root = make(tmp_path, {"labels.csv": lines(*((m, m[:4]) for m in MEMBERS[1:]), ("gone.jpg", "real"))})
    found = label_faces(root, [dataset("set", label=CSV, group={"rule": "none"})])
    assert found.faces["member"].to_pylist() == MEMBERS[1:]
    counts = found.counts["set"]
    assert (counts["faces"], counts["labelled"], counts["unlabelled"]) == (8, 7, 1)
    assert counts["images"] == [MEMBERS[0]]
    assert counts["listed"] == ["fake/0.jpg", "fake/1.jpg", "fake/2.jpg"]
    assert counts["reasons"] == {"no label: labels.csv does not list it": 1}
    json.dumps(counts, allow_nan=False)


def test_one_unlisted_image_ends_a_strict_split(tmp_path: Path, dataset: Dataset) -> None:
    root = make(tmp_path, {"labels.csv": lines(*((m, m[:4]) for m in MEMBERS[1:]))})
    with pytest.raises(FauxfaceError, match=r"set: 7 of 8 faces have a label.*real/0\.jpg.*drop strict_labels"):
        labels(root, dataset, label=CSV, group={"rule": "none"}, strict_labels=True)
    whole = make(tmp_path / "whole", {"labels.csv": lines(*((m, m[:4]) for m in MEMBERS))})
    assert len(labels(whole, dataset, label=CSV, group={"rule": "none"}, strict_labels=True)) == 8


def test_labels_of_which_none_matches_are_an_error_with_the_reason(tmp_path: Path, dataset: Dataset) -> None:
    root = make(tmp_path, {"labels.csv": lines(*((f"/home/ann/{m}", m[:4]) for m in MEMBERS))})
    with pytest.raises(FauxfaceError) as caught:
        labels(root, dataset, label=CSV, group={"rule": "none"})
    message = str(caught.value)
    for part in ("0 of 8 faces", "real/0.jpg, real/1.jpg, real/2.jpg", "/home/ann/fake/0.jpg", "absolute paths"):
        assert part in message
    assert "8 of these 8 are found with `match: tail`" in message
    assert len(labels(root, dataset, label={**CSV, "match": "tail"}, group={"rule": "none"})) == 8


def test_an_image_without_a_face_still_makes_a_name_ambiguous(tmp_path: Path, dataset: Dataset) -> None:
    root = make(tmp_path, {"labels.csv": lines(("1.jpg", "real"), ("2.jpg", "fake"))}, ["a/1.jpg", "a/2.jpg"])
    rule = {**CSV, "match": "name"}
    assert len(labels(root, dataset, label=rule, group={"rule": "none"})) == 2
    images = pq.read_table(root / "set" / "images.parquet")
    for status, left in (("no_face", 1), ("not_an_image", 2)):
        more = images.slice(0, 1).to_pylist()[0] | {"member": "b/1.jpg", "status": status, "n_faces": 0}
        both = pa.concat_tables([images, pa.Table.from_pylist([more], images.schema)])
        write_table(root / "set" / "images.parquet", both)
        assert len(labels(root, dataset, label=rule, group={"rule": "none"})) == left


def test_a_table_of_any_shard_of_the_dump_is_found(tmp_path: Path, dataset: Dataset) -> None:
    root = make(tmp_path, {"set/labels.csv": lines(*((m, m[:4]) for m in MEMBERS)), "other.csv": "x"})
    for file in ("set/labels.csv", "./set//labels.csv", "set\\labels.csv"):
        rule = {**CSV, "file": file}
        assert len(labels(root, dataset, label=rule, group={"rule": "none"})) == 8
    with pytest.raises(FauxfaceError, match=r"no CSV labels\.csv: .*those that it has: other\.csv, set/labels\.csv"):
        labels(root, dataset, label=CSV, group={"rule": "none"})


def test_a_data_set_read_otherwise_must_be_cropped_again(tmp_path: Path, dataset: Dataset) -> None:
    root, settings = make(tmp_path), dataset("set", label={"rule": "folder"}, group={"rule": "none"})
    images = root / "set" / "images.parquet"
    write_table(images, pq.read_table(images).replace_schema_metadata({READING: reading(settings)}))
    assert label_faces(root, [settings]).counts["set"]["labelled"] == 8
    moved = settings.model_copy(update={"source": "/elsewhere/set.zip"})
    with pytest.raises(FauxfaceError, match=r"images\.parquet: was made with .*elsewhere.*--single-item crop@set"):
        label_faces(root, [moved])
    with pytest.raises(FauxfaceError, match=r"images\.parquet: was made with .*cp932"):
        label_faces(root, [settings.model_copy(update={"encoding": "cp932"})])
    other = settings.model_copy(update={"use": "test", "strict_labels": True})
    assert label_faces(root, [other]).counts["set"]["labelled"] == 8


def test_images_of_an_older_crop_are_refused_with_the_remedy(tmp_path: Path, dataset: Dataset) -> None:
    root = make(tmp_path)
    images = root / "set" / "images.parquet"
    write_table(images, pq.read_table(images).drop_columns(["annotations"]))
    with pytest.raises(FauxfaceError, match=r"images\.parquet: is of an older version.*Run the crop stage again"):
        label_faces(root, [dataset("set")])
    images.write_bytes(images.read_bytes()[:-9])
    with pytest.raises(FauxfaceError, match=r"images\.parquet: cannot be read .*Run the crop stage again"):
        label_faces(root, [dataset("set")])


def test_names_and_reason_are_told() -> None:
    counts = {
        "faces": 1200,
        "labelled": 1000,
        "reasons": {"no label: x": 150, "no group: y": 50},
        "images": ["a.jpg"],
        "listed": [],
        "likely": "the moon",
    }
    assert unlabelled_text("set", counts) == (
        "data set set: 1,000 of 1,200 faces have a label; no label: x (150); no group: y (50). "
        "Images without: a.jpg. The rule knows: none. Likely: the moon."
    )
