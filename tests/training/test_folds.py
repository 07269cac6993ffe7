from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.params import FauxfaceError
from tasks.scoring.crops import read_manifest
from tasks.training.sources.folds import Fold, faces_by_label, family_folds, source_folds, write_fold

COUNTS = pd.DataFrame(
    {0: [50, 0, 0, 20, 90, 80, 70, 10], 1: [50, 60, 40, 20, 0, 0, 0, 0]},
    index=["gan_a", "gan_b", "diff_a", "swap_a", "cam_a", "cam_b", "cam_c", "cam_d"],
)
FAMILIES = {"gan_a": "gan", "gan_b": "gan", "diff_a": "diffusion", "swap_a": "swap", "cam_a": None}


@pytest.mark.parametrize("folds", [2, 3, 4])
def test_every_data_set_is_left_out_once_and_each_fold_has_both_classes_on_both_sides(folds: int) -> None:
    found = source_folds(COUNTS, FAMILIES, folds)
    assert len(found) == folds
    assert sorted(name for fold in found for name in fold.left_out) == sorted(COUNTS.index)
    for fold in found:
        left = COUNTS.index.isin(fold.left_out)
        assert COUNTS[left].sum().min() > 0
        assert COUNTS[~left].sum().min() > 0


def test_one_family_is_dealt_over_several_folds() -> None:
    first, second = source_folds(COUNTS, FAMILIES, 2)
    assert ("gan_a" in first.left_out) != ("gan_a" in second.left_out)
    assert ("gan_b" in first.left_out) == ("gan_a" in second.left_out)


def test_more_folds_than_there_are_sources_to_leave_out_are_refused() -> None:
    with pytest.raises(FauxfaceError, match=r"fold . of 8: leaves out no .*fewer --folds"):
        source_folds(COUNTS, FAMILIES, 8)


def test_a_family_is_left_out_whole_with_photographs_to_stand_against() -> None:
    found = {fold.name: fold.left_out for fold in family_folds(COUNTS, FAMILIES)}
    assert list(found) == ["diffusion", "gan", "swap"]
    assert {"gan_a", "gan_b"} < {*found["gan"]}
    assert "diff_a" not in found["gan"]
    alone = [name for left in found.values() for name in left if name.startswith("cam")]
    assert sorted(alone) == ["cam_a", "cam_b", "cam_c", "cam_d"]


def test_one_family_alone_cannot_be_left_out() -> None:
    with pytest.raises(FauxfaceError, match="fewer than two families"):
        family_folds(COUNTS, {"gan_a": "gan"})


def test_a_family_without_photographs_says_so() -> None:
    counts = COUNTS.loc[["gan_a", "diff_a"], :]
    with pytest.raises(FauxfaceError, match="fold diffusion: leaves out no photographs"):
        family_folds(counts, FAMILIES)


def test_a_folds_manifests_hold_each_face_once_on_its_side(toy: Any, tmp_path: Path) -> None:
    before = {side: read_manifest(toy.manifests / f"{side}.parquet") for side in ("train", "valid", "test")}
    assert faces_by_label(toy.manifests).to_numpy().tolist() == [[120, 120]]
    write_fold(toy.manifests, Fold("none", ()), tmp_path / "none")
    write_fold(toy.manifests, Fold("all", ("toy",)), tmp_path / "all")
    for side, rows in before.items():
        assert read_manifest(tmp_path / "none" / f"{side}.parquet").equals(rows)
        assert read_manifest(tmp_path / "all" / f"{side}.parquet").empty
    assert sorted(read_manifest(tmp_path / "all" / "new.parquet")["face_id"]) == sorted(
        pd.concat(list(before.values()))["face_id"]
    )
