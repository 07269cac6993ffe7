from __future__ import annotations

from pathlib import Path

import pytest

from tasks.manifests import tables
from tasks.manifests.parts import Row, write_part
from tasks.manifests.schemas import TABLES, tables_name
from tasks.manifests.tables import KeptTables, is_table, table_row
from tasks.params import FauxfaceError
from tasks.sources import Member
from tasks.sources.status import Status


def nothing(path: str) -> bytes:
    raise FauxfaceError(f"has no {path}")


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("a.csv", b"", True),
        ("a/B.CSV", b"x", True),
        ("a.tsv", b"x", True),
        ("a.tab", b"x", True),
        ("a.csv", None, True),
        ("list.txt", b"file,label\na,real\n", True),
        ("list.txt", b"file\tlabel\na\treal\n", True),
        ("caption.txt", b"a woman, smiling", False),
        ("caption.txt", b"a woman, smiling\n", False),
        ("caption.txt", b"a woman\nsmiles\n", False),
        ("caption.txt", None, False),
        ("a.jpg", b"file,label\na,real\n", False),
        ("csv", b"x", False),
        ("a.csv/x.jpg", b"x", False),
    ],
)
def test_what_is_a_table(path: str, data: bytes | None, expected: bool) -> None:
    assert is_table(Member(path, data)) == expected


def test_a_table_is_kept_as_it_is_unless_it_is_too_large_or_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_TABLE_BYTES", 5)
    assert table_row(Member("a.csv", b"12345"), nothing) == {"member": "a.csv", "data": b"12345"}
    assert table_row(Member("a.csv", b"123456"), nothing) == {"member": "a.csv", "data": None}
    assert table_row(Member("a.csv", None, Status.ENCRYPTED), lambda _: b"never") == {"member": "a.csv", "data": None}


def test_a_table_that_the_dump_lists_without_its_bytes_is_read() -> None:
    listed = Member("a.csv", None, Status.METADATA)
    assert table_row(listed, {"a.csv": b"file,label"}.__getitem__) == {"member": "a.csv", "data": b"file,label"}
    assert table_row(listed, nothing) == {"member": "a.csv", "data": None}


def test_kept_tables_are_read_by_their_path(tmp_path: Path) -> None:
    first: list[Row] = [{"member": "a.csv", "data": b"one"}, {"member": "sub\\b.csv", "data": b"two"}]
    second: list[Row] = [{"member": "a.csv", "data": b"three"}, {"member": "big.csv", "data": None}]
    write_part(tmp_path / tables_name(0), first, TABLES, {})
    write_part(tmp_path / tables_name(7), second, TABLES, {})
    kept = KeptTables(tmp_path)
    assert kept.read("a.csv") == b"one", "the first of a name counts, as everywhere"
    assert kept.read("sub/b.csv") == b"two"
    with pytest.raises(FauxfaceError, match=r"no such table \(those that it has: a\.csv, big\.csv, sub"):
        kept.read("b.csv")
    with pytest.raises(FauxfaceError, match=r"big\.csv could not be kept"):
        kept.read("big.csv")
    with pytest.raises(FauxfaceError, match="those that it has: none"):
        KeptTables(tmp_path / "nowhere").read("b.csv")
