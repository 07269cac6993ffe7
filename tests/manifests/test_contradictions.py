"""Pictures under both labels: the same file, or the same pixels in another; a near-duplicate is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.manifests.contradictions import contradicted, contradictions_report
from tasks.manifests.schemas import FACES
from tests.manifests.conftest import flipped, table_of, unlike, write_shards

Row = dict[str, Any]
SHARD = 2


def found(root: Path, *rows: Row, crops: dict[str, bytes] | None = None) -> set[str]:
    """Return the names of the contradictory faces among `rows`; `crops` are their pixels, else all different."""
    counts: dict[str, int] = {}
    for row in rows:
        number = counts[row["dataset"]] = counts.get(row["dataset"], -1) + 1
        row |= {"shard": number // SHARD, "row": number % SHARD}
    faces = table_of(rows)
    write_shards(root, faces, SHARD)
    for path in root.rglob("faces-*.parquet"):
        table = pq.read_table(path)
        images = [
            {"bytes": (crops or {}).get(member[:-4], member.encode()), "path": None}
            for member in table["member"].to_pylist()
        ]
        column = pa.array(images, FACES.field("image").type)
        pq.write_table(table.set_column(table.column_names.index("image"), "image", column), path)
    return {member.removesuffix(".jpg") for member in contradicted(faces, root)["member"]}


def face(name: str, label: int, dataset: str = "a", **more: Any) -> Row:
    return {"dataset": dataset, "name": name, "label": label, **more}


def test_one_file_under_both_labels_within_and_between_data_sets(tmp_path: Path) -> None:
    rows = [
        face("one", 0, image_id="1" * 64),
        face("two", 1, image_id="1" * 64),
        face("three", 0, image_id="2" * 64),
        face("four", 1, "z", image_id="2" * 64),
        face("five", 1, image_id="3" * 64),
        face("six", 1, "z", image_id="3" * 64),
        face("seven", 0),
    ]
    assert found(tmp_path, *rows) == {"one", "two", "three", "four"}


def test_the_same_pixels_in_another_file(tmp_path: Path) -> None:
    alike: Row = {"phash": unlike("alike")}
    rows = [face("jpeg", 0, **alike), face("other", 0), face("png", 1, "z", **alike), face("edit", 1, **alike)]
    crops = {"jpeg": b"pixels", "png": b"pixels", "edit": b"others", "other": b"pixels"}
    assert found(tmp_path, *rows, crops=crops) == {"jpeg", "png"}


def test_a_near_duplicate_alone_is_no_contradiction(tmp_path: Path) -> None:
    picture = unlike("picture")
    rows = [
        face("photo", 0, phash=picture),
        face("swap", 1, phash=flipped(picture, [3])),
        face("edit", 1, phash=picture),
    ]
    assert found(tmp_path, *rows) == set()


def test_all_faces_of_a_file_are_left_out(tmp_path: Path) -> None:
    rows = [face(f"{label}{n}", label, image_id="1" * 64, face_id=f"{n}") for label in (0, 1) for n in range(3)]
    assert found(tmp_path, *rows) == {"00", "01", "02", "10", "11", "12"}


def test_the_report_counts_and_shows_them(tmp_path: Path) -> None:
    rows = [face(f"{label}{n}", label, "ab"[label], image_id=f"{n}" * 64) for label in (0, 1) for n in range(3)]
    faces = table_of(rows)
    write_shards(tmp_path, faces, 2)
    assert contradictions_report(contradicted(faces, tmp_path)) == {
        "files_with_both_labels": 3,
        "faces": 6,
        "datasets": {"a": 3, "b": 3},
        "examples": ["a 00.jpg", "b 10.jpg", "a 01.jpg"],
    }
    nothing = contradictions_report(contradicted(faces.slice(0, 3), tmp_path))
    assert nothing == {"files_with_both_labels": 0, "faces": 0, "datasets": {}, "examples": []}
