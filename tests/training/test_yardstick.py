from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.manifests.schemas import MANIFEST
from tasks.params import Params
from tasks.scoring.crops import read_manifest
from tasks.training.sources import yardstick
from tasks.training.sources.folds import Fold
from tasks.training.sources.yardstick import Place, _figures, measure_fold, summary
from tasks.training.sources.yardstick_text import table

NAMES = ("a", "b", "c")


@pytest.fixture
def place(toy: Any, tmp_path: Path) -> Place:
    """The toy's faces as three data sets of which `b` is photographs alone."""
    for name in NAMES:
        shutil.copytree(toy.faces / "toy", tmp_path / "faces" / name)
    for side in ("train", "valid", "test"):
        rows = read_manifest(toy.manifests / f"{side}.parquet")
        rows["dataset"] = [NAMES[number // 2 % 3] for number in range(len(rows))]
        rows = rows[(rows["dataset"] != "b") | (rows["label"] == 0)]
        (tmp_path / "manifests").mkdir(exist_ok=True)
        table_of = pa.Table.from_pandas(rows, MANIFEST, preserve_index=False)
        pq.write_table(table_of, tmp_path / "manifests" / f"{side}.parquet")
    return Place(tmp_path / "faces", tmp_path / "manifests", tmp_path / "state")


def params_of(toy: Any, **train: Any) -> Params:
    datasets = {name: {"source": name} for name in NAMES}
    return Params.model_validate({"datasets": datasets, "train": {"recipe": str(toy.recipe), "epochs": 1, **train}})


def test_a_fold_trains_without_what_it_asks_about_and_is_known_afterwards(
    toy: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    from tasks.training.train import train as real

    def spied(manifests: Path, *rest: Any, **named: Any) -> Any:
        both = pd.concat([read_manifest(manifests / f"{side}.parquet") for side in ("train", "valid")])
        seen.append({*both["dataset"]})
        return real(manifests, *rest, **named)

    monkeypatch.setattr(yardstick, "train", spied)
    fold = Fold("1 of 2", ("b", "c"))
    found = measure_fold(fold, place, params_of(toy), workers=2, progress=False)
    assert seen == [{"a"}]
    assert [(row["dataset"], row["fakes"] > 0, row["photographs"] > 0) for row in found["new"]] == [
        ("b", False, True),
        ("c", True, True),
    ]
    assert json.loads(json.dumps(found)) == found
    assert measure_fold(fold, place, params_of(toy), workers=2, progress=False) == found
    assert len(seen) == 1
    measure_fold(fold, place, params_of(toy, seed=2), workers=2, progress=False)
    assert len(seen) == 2


def scored(rows: list[tuple[str, int, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["dataset", "label", "model"])
    return frame.assign(trivial=0.5, group=[f"g{number}" for number in range(len(frame))])


def judged() -> dict[str, Any]:
    """Threshold between .3 and .9; fakes of `new` are above half of all new photographs, those of `easy` above all."""
    known = [("old", 0, 0.1 + number / 1000) for number in range(40)] + [("old", 1, 0.9)] * 40
    new = [("new", 0, 0.05)] * 10 + [("camera", 0, 0.6)] * 10 + [("new", 1, 0.5)] * 10 + [("easy", 1, 0.95)] * 10
    return {"fold": "1 of 1", **_figures({"valid": scored(known), "test": scored(known), "new": scored(new)})}


def test_fakes_stand_against_all_new_photographs_and_shares_are_a_sources_own() -> None:
    found = judged()
    rows = {row["dataset"]: row["model"] for row in found["new"]}
    assert rows["new"]["auc"] == 0.5
    assert rows["easy"]["auc"] == 1.0
    assert rows["camera"]["auc"] is None
    assert rows["camera"]["false_alarms"] == 1.0
    assert rows["new"]["false_alarms"] == 0.0
    assert rows["easy"]["false_alarms"] is None
    assert (rows["new"]["misses"], rows["easy"]["misses"], rows["camera"]["misses"]) == (0.0, 0.0, None)
    assert found["known"]["model"]["false_alarms"] <= 0.05
    low, high = rows["new"]["auc_interval"]
    assert low < 0.5 < high


def test_means_are_over_sources_not_over_faces() -> None:
    found = summary([judged()])
    assert found["model"]["new_auc"]["mean"] == 0.75
    assert found["model"]["new_false_alarms"]["mean"] == 0.5
    assert found["trivial"]["new_auc"]["mean"] == 0.5
    assert np.isclose(found["model"]["known_auc"]["mean"], 1.0)


def test_the_table_has_the_worst_source_first_and_names_families() -> None:
    fold = judged()
    report = {"by": "source", "families": {"new": "swap"}, "summary": summary([fold]), "folds": [fold]}
    lines = table(report)
    assert [line.split()[0] for line in lines[1:4]] == ["new", "easy", "camera"]
    assert "swap" in lines[1]
    assert "0.500" in lines[1]
    assert any(line.startswith("AUC of a new source: 0.750") for line in lines)
