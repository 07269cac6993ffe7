"""Parquet parts as others read them: crops as images, a part without rows, our notes apart from theirs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from tasks.manifests.parts import Row, part_bytes, part_notes, write_part
from tasks.manifests.schemas import FACES, SCORES, shard_name


def face(number: int) -> Row:
    """Return the row of a face whose crop has one colour."""
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(out, "PNG")
    ids = {"face_id": f"{number}#0", "image_id": str(number), "dataset": "d", "member": "m", "face_index": 0}
    image = {"bytes": out.getvalue(), "path": f"{number}.png"}
    return {**dict.fromkeys(FACES.names), **ids, "image": image, "landmarks": [0.0] * 10, "phash": b"0" * 32}


def test_crops_open_in_datasets_as_images(tmp_path: Path) -> None:
    import datasets  # type: ignore[import-untyped]

    folder = tmp_path / "faces"
    write_part(folder / shard_name(0), [face(10), face(20)], FACES, {"key": "k"})
    write_part(folder / shard_name(1), [], FACES, {"key": "k"})  # a shard in which no face was found
    write_part(folder / shard_name(2), [face(30)], FACES, {"key": "k"})
    files = str(folder / "faces-*.parquet")
    found = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert [np.asarray(row["image"])[0, 0, 0] for row in found] == [10, 20, 30]
    assert all(isinstance(row["image"], Image.Image) for row in found)
    assert set(found.column_names) == set(FACES.names)


def test_a_part_without_rows_has_the_schema_the_notes_and_no_group_of_rows(tmp_path: Path) -> None:
    write_part(tmp_path / "part.parquet", [], FACES, {"key": "k"})
    assert pq.read_metadata(tmp_path / "part.parquet").num_row_groups == 0
    assert pq.read_table(tmp_path / "part.parquet").schema.equals(FACES)
    assert part_notes(tmp_path / "part.parquet") == {"key": "k", "rows": "0"}


def test_the_same_rows_give_the_same_bytes_in_groups_of_a_thousand() -> None:
    rows = [{**dict.fromkeys(SCORES.names), "index": index, "member": str(index)} for index in range(1025)]
    rows = [{**row, "status": "ok", "error": "", "n_faces": 0} for row in rows]
    nullable = SCORES.remove(0)
    nullable = nullable.remove(nullable.get_field_index("verdict_rule"))
    nullable = nullable.remove(nullable.get_field_index("threshold_rule"))
    nullable = nullable.remove(nullable.get_field_index("model_id"))
    first, second = (part_bytes(rows, nullable, {"key": "k"}) for _ in range(2))
    assert first == second
    assert pq.read_metadata(io.BytesIO(first)).num_row_groups == 2
