"""The training and validation splits: both classes, the data sets of a phase, names with fakes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.params import FauxfaceError
from tasks.training.recipe.recipes import Phase
from tasks.training.recipe.splits import at_most, of_phase, read_split


@pytest.fixture
def rows(toy: Any) -> pd.DataFrame:
    """The toy's faces, as of two data sets: `odd` has one more face in three than `even`."""
    frame: pd.DataFrame = pq.read_table(toy.manifests / "train.parquet").to_pandas()
    return frame.assign(dataset=["odd" if number % 5 < 3 else "even" for number in range(len(frame))])


def write(path: Path, rows: pd.DataFrame, toy: Any) -> Path:
    schema = pq.read_schema(toy.manifests / "train.parquet")
    pq.write_table(pa.Table.from_pandas(rows, schema, preserve_index=False), path)
    return path


def phase(*datasets: str) -> Phase:
    """What a phase of a recipe says of its faces."""
    return cast(Phase, SimpleNamespace(name="tune", datasets=datasets or None, most_faces=None))


@pytest.mark.parametrize(("label", "name"), [(0, "real"), (1, "fake")])
def test_a_split_without_a_class_teaches_nothing(
    toy: Any, rows: pd.DataFrame, tmp_path: Path, label: int, name: str
) -> None:
    path = write(tmp_path / "train.parquet", rows[rows["label"] != label], toy)
    with pytest.raises(FauxfaceError, match=rf"train.parquet: holds no {name} face\."):
        read_split(path)
    with pytest.raises(FauxfaceError, match=r"holds no real and no fake face\."):
        read_split(write(path, rows.head(0), toy))


def test_a_phase_uses_the_rows_of_its_data_sets_in_both_splits(toy: Any, rows: pd.DataFrame, tmp_path: Path) -> None:
    splits = {name: read_split(write(tmp_path / f"{name}.parquet", rows, toy)) for name in ("train", "valid")}
    chosen = of_phase(splits, phase("odd"))
    assert set(chosen) == {"train", "valid"}
    for split in chosen.values():
        assert set(split.rows["dataset"]) == {"odd"}
        assert split.rows.index.tolist() == list(range(len(split.rows)))
        assert split.labels.tolist() == split.rows["label"].tolist()
        assert split.rows["face_id"].tolist() == rows.loc[rows["dataset"] == "odd", "face_id"].tolist()
    everything = of_phase(splits, phase())
    assert [len(split.rows) for split in everything.values()] == [len(rows)] * 2


def test_a_phase_of_data_sets_that_are_not_there_or_lack_a_class_is_an_error(
    toy: Any, rows: pd.DataFrame, tmp_path: Path
) -> None:
    lacking = rows[(rows["dataset"] != "even") | (rows["label"] == 0)]
    splits = {
        "train": read_split(write(tmp_path / "train.parquet", rows, toy)),
        "valid": read_split(write(tmp_path / "valid.parquet", lacking, toy)),
    }
    with pytest.raises(FauxfaceError, match=r"train.parquet: holds no face of none.* Its data sets are even, odd"):
        of_phase(splits, phase("none", "odd"))
    with pytest.raises(FauxfaceError, match=r"valid.parquet: holds no fake face of even"):
        of_phase(splits, phase("even"))


@pytest.mark.parametrize(("most", "refused"), [(3, True), (4, False), (None, False)])
def test_a_phase_takes_at_least_a_face_of_each_kind(
    toy: Any, rows: pd.DataFrame, tmp_path: Path, most: int | None, refused: bool
) -> None:
    """There are four: reals and fakes of two data sets."""
    splits = {name: read_split(write(tmp_path / f"{name}.parquet", rows, toy)) for name in ("train", "valid")}
    facts = {"name": "probe", "datasets": None, "most_faces": most, "looks": 2, "faces": 6}
    if refused:
        with pytest.raises(FauxfaceError, match=r"takes at most 3 faces .* there are 4 kinds"):
            of_phase(splits, cast(Phase, SimpleNamespace(**facts)))
    else:
        assert len(of_phase(splits, cast(Phase, SimpleNamespace(**facts)))["train"].rows) == len(rows)


def test_of_too_many_faces_each_kind_gives_as_many_as_it_can(toy: Any, rows: pd.DataFrame, tmp_path: Path) -> None:
    few = rows[(rows["dataset"] == "odd") | (rows["label"] == 0)]
    rare = rows[(rows["dataset"] == "even") & (rows["label"] == 1)].head(3)
    whole = read_split(write(tmp_path / "train.parquet", pd.concat([few, rare]).sort_index(), toy))
    chosen = at_most(whole, 23, 1)
    assert chosen.rows.groupby(["dataset", "label"]).size().to_dict() == {
        ("even", 0): 6,
        ("even", 1): 3,
        ("odd", 0): 7,
        ("odd", 1): 7,
    }
    assert chosen.rows.index.tolist() == list(range(23))
    assert list(chosen.rows.columns) == list(whole.rows.columns)
    assert chosen.labels.tolist() == chosen.rows["label"].tolist()
    places = [whole.rows["face_id"].tolist().index(face) for face in chosen.rows["face_id"]]
    assert places == sorted(places)
    assert at_most(whole, len(whole.rows), 1) is whole
    assert at_most(whole, 23, 2).rows["face_id"].tolist() != chosen.rows["face_id"].tolist()
