"""Parquet: the column is found, rows keep their order over row groups and files, damage stays where it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.sources import SourceError, Status, open_source


def write(path: Path, columns: dict[str, Any], row_group_size: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def found(path: Path) -> list[tuple[str, bytes | None]]:
    with open_source(path) as dump:
        assert dump.count() == len(list(dump.members()))
        return [(member.path, member.data) for member in dump.members()]


@pytest.mark.parametrize("column", ["image", "bytes", "content"])
@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
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
