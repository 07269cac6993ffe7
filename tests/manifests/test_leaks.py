from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.manifests import leaks
from tasks.manifests.leaks import check_leaks
from tasks.manifests.manifest_files import manifest_path, write_manifests
from tasks.manifests.split import SPLITS, make_split
from tasks.params import DatasetParams, FauxfaceError, SplitParams

Row = dict[str, Any]
Write = Callable[[list[Row]], pa.Table]
BITS = 10


@pytest.fixture
def write(face_table: Callable[[list[Row]], pa.Table], tmp_path: Path) -> Write:
    """A function that writes manifests with each row on the side that it names, as a split without groups would."""

    def write(rows: list[Row]) -> pa.Table:
        both = [
            {"dataset": "a", "name": f"{side}{label}", "label": label, "side": side}
            for side in SPLITS
            for label in (0, 1)
        ]
        rows = [{"row": place, **row} for place, row in enumerate(both + rows)]
        faces = face_table(rows)
        given = face_table([{**row, "split_given": row["side"], "group": None} for row in rows])
        apart = given.set_column(given.column_names.index("image_id"), "image_id", faces["face_id"])
        lone = pa.array([row["row"].to_bytes(1, "big") * 32 for row in rows], pa.binary(32))
        apart = apart.set_column(apart.column_names.index("phash"), "phash", lone)
        settings = [DatasetParams(name="a", source="a.zip", use="given")]
        write_manifests(make_split(apart, settings, SplitParams(near_duplicate_bits=0)), tmp_path)
        return faces

    return write


def picture(value: int) -> bytes:
    return value.to_bytes(32, "big")


def test_nothing_leaks(write: Write, tmp_path: Path) -> None:
    rows = [{"dataset": "a", "name": f"{n}", "side": "train", "group": "ann", "phash": picture(n)} for n in range(5)]
    checked = check_leaks(tmp_path, write(rows), BITS)
    assert checked == {
        "rows": 11,
        "files": 11,
        "groups": 1,
        "hashes": 11,
        "near_duplicates": "every pair across sides",
        "leaks": 0,
    }


@pytest.mark.parametrize(
    ("shared", "message"),
    [
        (
            {"group": "ann"},
            "2 faces have another of the same group on another side: a one.jpg (test); a two.jpg (train)",
        ),
        ({"image_id": "5" * 64}, "2 faces have another of the same file on another side"),
        ({"phash": picture(5)}, "2 faces have another of the same picture on another side"),
    ],
)
def test_what_two_sides_share(write: Write, tmp_path: Path, shared: Row, message: str) -> None:
    rows = [
        {"dataset": "a", "name": "one", "side": "test", "face_id": "one", **shared},
        {"dataset": "a", "name": "two", "side": "train", "face_id": "two", **shared},
    ]
    faces = write(rows)
    with pytest.raises(FauxfaceError) as caught:
        check_leaks(tmp_path, faces, BITS)
    assert message in str(caught.value)


@pytest.mark.parametrize("compared", [10**9, 0])
@pytest.mark.parametrize(("flips", "leak"), [(10, True), (11, False)])
@pytest.mark.parametrize("sides", [("train", "valid"), ("test", "train"), ("valid", "test"), ("test", "test")])
def test_near_duplicates_on_two_sides(
    write: Write,
    tmp_path: Path,
    sides: tuple[str, str],
    flips: int,
    leak: bool,
    compared: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leaks, "MAX_COMPARED", compared)
    monkeypatch.setattr(leaks, "_BLOCK", 3)
    faces = write(
        [
            {"dataset": "a", "name": "one", "side": sides[0], "phash": picture(0)},
            {"dataset": "a", "name": "two", "side": sides[1], "phash": picture(((1 << flips) - 1) << 100)},
        ]
    )
    if leak and sides[0] != sides[1]:
        with pytest.raises(
            FauxfaceError, match=r"near-duplicates .* on two sides: a (one|two)\.jpg .* and a (one|two)\.jpg"
        ):
            check_leaks(tmp_path, faces, BITS)
    else:
        assert check_leaks(tmp_path, faces, BITS)["leaks"] == 0


def test_manifests_must_point_at_their_faces(write: Write, tmp_path: Path) -> None:
    faces = write([])
    with pytest.raises(FauxfaceError, match="do not point at the face that they name"):
        check_leaks(tmp_path, faces.slice(1), BITS)
    flipped = faces.set_column(faces.column_names.index("label"), "label", pa.array([1, 0] * 3, pa.int8()))
    with pytest.raises(FauxfaceError, match="do not point at the face that they name"):
        check_leaks(tmp_path, flipped, BITS)
    train = pq.read_table(manifest_path(tmp_path, "train"))
    pq.write_table(train, manifest_path(tmp_path, "valid"))
    with pytest.raises(FauxfaceError, match="stand in the manifests twice"):
        check_leaks(tmp_path, faces, BITS)
    pq.write_table(train, manifest_path(tmp_path, "valid"))
    pq.write_table(train.slice(0, 0), manifest_path(tmp_path, "train"))
    with pytest.raises(FauxfaceError, match="holds rows of another side"):
        check_leaks(tmp_path, faces, BITS)


def test_a_missing_or_damaged_manifest(write: Write, tmp_path: Path) -> None:
    faces = write([])
    manifest_path(tmp_path, "valid").write_bytes(b"PAR1")
    with pytest.raises(FauxfaceError, match=r"valid\.parquet: cannot be read .*`dvc repro split`"):
        check_leaks(tmp_path, faces, BITS)
    manifest_path(tmp_path, "valid").unlink()
    with pytest.raises(FauxfaceError, match=r"valid\.parquet: cannot be read"):
        check_leaks(tmp_path, faces, BITS)


@pytest.mark.parametrize("block", [1, 3, 2048])
def test_every_pair_across_sides_is_compared(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """All hashes are alike, so every pair is one to find, the first and the last too."""
    monkeypatch.setattr(leaks, "_BLOCK", block)
    side = np.array([0, 1, 2, 2, 1, 0, 0, 1, 2, 0])
    words = np.full((len(side), 4), 7, np.uint64)
    found = [
        frozenset(pair)
        for one, other in leaks._compare_all(words, side, 0)
        for pair in zip(one.tolist(), other.tolist(), strict=True)
    ]
    expected = {frozenset((a, b)) for a in range(len(side)) for b in range(a) if side[a] != side[b]}
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))


@pytest.mark.parametrize(("most", "whole"), [(5, True), (4, False)])
def test_all_pairs_are_compared_up_to_a_number_of_them(monkeypatch: pytest.MonkeyPatch, most: int, whole: bool) -> None:
    """Two on one side and one on each of the others are five pairs across sides."""
    monkeypatch.setattr(leaks, "MAX_COMPARED", most)
    hashes = pd.DataFrame({"split": ["train", "train", "valid", "test"], "phash": [bytes([n]) * 32 for n in range(4)]})
    assert leaks._across(hashes, 0)[1] is whole
