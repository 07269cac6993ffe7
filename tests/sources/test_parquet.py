"""Parquet: the column is found, rows keep their order over row groups and files, damage stays where it is."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.sources import SourceError, Status, open_source, parquet


def write(path: Path, columns: dict[str, Any], row_group_size: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def found(path: Path) -> list[tuple[str, bytes | None]]:
    with open_source(path) as dump:
        assert dump.count() == len(list(dump.members()))
        return [(member.path, member.data) for member in dump.members()]


@pytest.mark.parametrize("column", ["image", "bytes", "content", "jpg", "webp"])
@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_a_column_of_bytes_is_found_by_its_name(column: str, kind: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"label": [0, 1], column: pa.array([b"x", b"y"], kind)})
    assert found(path) == [("a.parquet#0", b"x"), ("a.parquet#1", b"y")]


def test_a_name_that_holds_no_bytes_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"image": ["a.jpg"], "content": [b"x"]})
    assert found(path) == [("a.parquet#0", b"x")]


def test_a_file_without_images_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.parquet: no column with image bytes .* among label, text"):
        open_source(write(tmp_path / "a.parquet", {"label": [1], "text": ["x"]}))


def test_a_data_set_is_all_its_files_in_order(tmp_path: Path) -> None:
    rows = [{"bytes": bytes([number]), "path": f"{number}.jpg"} for number in range(10)]
    write(tmp_path / "set" / "train-1.parquet", {"image": rows[5:]}, 2)
    write(tmp_path / "set" / "train-0.parquet", {"image": rows[:5]}, 2)
    (tmp_path / "set" / "_SUCCESS").write_bytes(b"")
    assert found(tmp_path / "set") == [(f"{number}.jpg", bytes([number])) for number in range(10)]
    with open_source(tmp_path / "set") as dump:
        assert dump.kind == "parquet"
        assert [member.path for shard in dump.shards(3) for member in shard] == [
            f"{number}.jpg" for number in range(10)
        ]
        first = dump.fingerprint()
    write(tmp_path / "set" / "train-2.parquet", {"image": rows})
    assert open_source(tmp_path / "set").fingerprint() != first


def test_a_row_without_bytes_is_a_row(tmp_path: Path) -> None:
    rows = [{"bytes": None, "path": "/home/me/a.jpg"}, {"bytes": b"", "path": None}, None]
    with open_source(write(tmp_path / "a.parquet", {"image": rows})) as dump:
        assert [(member.path, member.data, member.status) for member in dump.members()] == [
            ("/home/me/a.jpg", None, Status.UNREADABLE),
            ("a.parquet#1", b"", Status.OK),
            ("a.parquet#2", None, Status.UNREADABLE),
        ]


def test_a_damaged_row_group_costs_its_own_rows_only(tmp_path: Path) -> None:
    images = [os.urandom(3000) for _ in range(9)]
    path = tmp_path / "a.parquet"
    options = {"row_group_size": 3, "compression": "none", "use_dictionary": False, "write_page_checksum": True}
    pq.write_table(pa.table({"image": images}), path, **options)
    data = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)
    with open_source(path) as dump:
        assert [str(member.status) for member in dump.members()] == ["ok"] * 3 + ["archive_damaged"] * 3 + ["ok"] * 3


def test_a_file_that_promises_more_rows_than_it_can_hold_is_one_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"image": pa.nulls(1_000_000, pa.binary())}, 1_000_000)
    with open_source(path) as dump:
        assert [(member.path, str(member.status)) for member in dump.members()] == [("a.parquet", "archive_damaged")]


def test_a_cut_file_of_a_data_set_is_one_row(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.parquet", {"image": [b"x"]})
    other = write(tmp_path / "set" / "b.parquet", {"image": [b"y"]})
    other.write_bytes(other.read_bytes()[:-8])
    with open_source(tmp_path / "set") as dump:
        assert [(member.path, str(member.status)) for member in dump.members()] == [
            ("a.parquet#0", "ok"),
            ("b.parquet", "archive_damaged"),
        ]


@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.string_view()])
@pytest.mark.parametrize("data", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_paths_of_any_kind_of_text_are_read_and_told_apart(text: Any, data: Any, tmp_path: Path) -> None:
    images = pa.StructArray.from_arrays(
        [pa.array([b"x", b"y", b"z"], data), pa.array(["a.jpg", "a.jpg", "b.jpg"], text)], ["bytes", "path"]
    )
    path = write(tmp_path / "a.parquet", {"image": images})
    assert found(path) == [("a.parquet#0", b"x"), ("a.parquet#1", b"y"), ("b.jpg", b"z")]


def test_the_other_columns_of_a_row_are_its_annotations(tmp_path: Path) -> None:
    features = {"label": {"names": ["fake", "real"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    table = pa.table(
        {
            "image": [{"bytes": b"x", "path": "1.jpg"}, {"bytes": b"y", "path": "2.jpg"}],
            "label": [1, 7],
            "score": [0.5, None],
            "sure": [True, False],
            "made by": pa.array(["a camera", "x" * 2000]).dictionary_encode(),
            "taken": [date(2026, 1, 2), None],
            "boxes": [[1, 2], []],
            "mask": [b"1", b"2"],
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    (tmp_path / "data").mkdir()
    pq.write_table(table, tmp_path / "data" / "train-00000-of-00001.parquet")
    with open_source(tmp_path / "data") as dump:
        assert [member.annotations for member in dump.members()] == [
            {
                "label": "real",
                "score": "0.5",
                "sure": "true",
                "made by": "a camera",
                "taken": "2026-01-02",
                "__file__": "train-00000-of-00001.parquet",
            },
            {"label": "7", "sure": "false", "__file__": "train-00000-of-00001.parquet"},
        ]


@pytest.mark.parametrize("said", [b"no JSON", b"[]", b'{"info": {"features": {"label": {"_type": "ClassLabel"}}}}'])
def test_names_of_classes_that_cannot_be_read_leave_the_numbers(said: bytes, tmp_path: Path) -> None:
    table = pa.table({"image": [b"x"], "label": [1]}).replace_schema_metadata({"huggingface": said})
    pq.write_table(table, tmp_path / "a.parquet")
    with open_source(tmp_path / "a.parquet") as dump:
        assert [member.annotations for member in dump.members()] == [{"label": "1", "__file__": "a.parquet"}]


def test_damage_in_another_column_costs_the_annotations_and_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"image": [bytes([row]) * 100 for row in range(40)], "note": [os.urandom(50).hex() for _ in range(40)]}
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True, "data_page_size": 512}
    pq.write_table(pa.table(columns), path, **options, write_batch_size=8)
    data = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)
    with open_source(path) as dump:
        members = list(dump.members())
    assert [member.data for member in members] == columns["image"]
    assert [len(member.annotations or {}) for member in members] == [2] * 16 + [1] * 24


def test_a_clone_of_hugging_face_is_its_parquet_files_and_rows_for_what_describes_them(tmp_path: Path) -> None:
    write(tmp_path / "set" / "data" / "train-00000-of-00002.parquet", {"image": [b"a", b"b", b"c", b"d"]})
    write(tmp_path / "set" / "data" / "train-00001-of-00002.parquet", {"image": [b"e"]})
    write(tmp_path / "set" / "data" / "people.parquet", {"name": ["a"]})
    for name in ("README.md", ".gitattributes", ".git/config", ".git/objects/ab/cd", "dataset_infos.json", "LICENSE"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"about")
    with open_source(tmp_path / "set") as dump:
        members = list(dump.members())
        assert dump.count() == len(members)
        assert [(member.path, member.data) for member in members[:5]] == [
            ("data/train-00000-of-00002.parquet#0", b"a"),
            ("data/train-00000-of-00002.parquet#1", b"b"),
            ("data/train-00000-of-00002.parquet#2", b"c"),
            ("data/train-00000-of-00002.parquet#3", b"d"),
            ("data/train-00001-of-00002.parquet#0", b"e"),
        ]
        assert [(member.path, str(member.status)) for member in members[5:]] == [
            ("data/people.parquet", "metadata"),
            ("LICENSE", "metadata"),
            ("README.md", "metadata"),
            ("dataset_infos.json", "metadata"),
        ]
        assert dump.read("README.md") == b"about"
        assert dump.read("data/train-00000-of-00002.parquet#3") == b"d"
        assert [member for shard in dump.shards(2) for member in shard] == members


def test_files_that_git_lfs_did_not_fetch_say_so(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"
    write(tmp_path / "set" / "a.parquet", {"image": [b"x"]})
    (tmp_path / "set" / "b.parquet").write_bytes(pointer)
    (tmp_path / "c.parquet").write_bytes(pointer)
    with open_source(tmp_path / "set") as dump:
        (_, found) = dump.members()
        assert (found.path, str(found.status)) == ("b.parquet", "unreadable")
        assert "git lfs pull" in found.error
    with pytest.raises(SourceError, match="git lfs pull"):
        open_source(tmp_path / "c.parquet")


def test_parquet_without_images_is_an_error_where_no_file_has_any(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "set" / f"{name}.parquet", {"label": [1]})
    with pytest.raises(SourceError, match=r"a\.parquet: no column with image bytes"):
        open_source(tmp_path / "set")


def test_rows_are_numbered_through_the_row_groups_of_their_file(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.parquet", {"image": [b"a0", b"a1", b"a2", b"a3", b"a4"]}, 2)
    write(tmp_path / "set" / "b.parquet", {"image": [b"b0", b"b1", b"b2"]}, 2)
    with open_source(tmp_path / "set") as dump:
        assert isinstance(dump, parquet.ParquetSource)
        expected = [
            (f"{name}.parquet#{row}", f"{name}{row}".encode())
            for name, rows in (("a", 5), ("b", 3))
            for row in range(rows)
        ]
        assert [(member.path, member.data) for member in dump.members()] == expected
        for start in range(8):
            assert [(member.path, member.data) for member in dump.rows(start, start + 3)] == expected[start : start + 3]


def test_a_row_larger_than_a_member_may_be_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MAX_MEMBER_BYTES", 1000)
    with open_source(write(tmp_path / "a.parquet", {"image": [bytes(1000), bytes(1001)]})) as dump:
        assert [(member.path, str(member.status)) for member in dump.members()] == [
            ("a.parquet#0", "ok"),
            ("a.parquet#1", "too_large"),
        ]


def test_a_structure_without_bytes_is_no_column_of_images(tmp_path: Path) -> None:
    rows = pa.table({"image": pa.array([{"path": "a.jpg"}], pa.struct([("path", pa.string())]))})
    pq.write_table(rows, tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"a\.parquet: no column with image bytes"):
        list(open_source(str(tmp_path / "a.parquet")).members())
