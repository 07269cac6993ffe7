"""Labels through `dvc repro`: a corrected table, a changed rule or `use` splits again and crops nothing."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.flows.conftest import Workspace
from tests.flows.dumps import Dumps


def labels(workspace: Workspace) -> dict[str, int]:
    """Return the label of every face in the manifests, by its image."""
    sides = [pd.read_parquet(workspace / f"data/manifests/{side}.parquet") for side in ("train", "valid", "test")]
    rows = pd.concat(sides)
    return dict(zip(rows["face_id"], rows["label"], strict=True))


def ran(workspace: Workspace, check: bool = True) -> tuple[list[str], str]:
    """Return the stages that `dvc repro split` ran, and what was said."""
    done = workspace.run("dvc", "repro", "split", check=check)
    said = done.stdout + done.stderr
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")], said


@pytest.mark.slow
def test_a_corrected_table_or_rule_splits_again_and_crops_nothing(
    dumps: Dumps, new_workspace: Callable[[dict[str, Any]], Workspace]
) -> None:
    rule = {"rule": "csv", "file": "raw/labels.csv"}
    params: dict[str, Any] = {
        "datasets": {"ffhq": {"source": "raw/ffhq.zip", "label": rule}},
        "crop": {"size": 64, "scale": "fit", "reencode": None},
        "split": {"seed": 3, "valid": 0.3, "test": 0.3},
        **{section: {} for section in ("train", "evaluate", "explain")},
        "score": {"archives": {}},
    }
    workspace = new_workspace(params)
    (workspace / "raw").mkdir()
    shutil.copy(dumps.ffhq(20), workspace / "raw/ffhq.zip")
    with zipfile.ZipFile(workspace / "raw/ffhq.zip") as dump:
        names = [name for name in dump.namelist() if name.endswith(".jpg")]
    table = workspace / "raw/labels.csv"

    write_table(table, {name: name.split("/")[0] for name in names[1:]})
    _, said = ran(workspace, check=False)
    assert "the stage `split` does not depend on raw/labels.csv" in said
    assert "    deps:\n    - raw/labels.csv" in said

    stages = yaml.safe_load((workspace / "dvc.yaml").read_text())
    stages["stages"]["split"]["deps"].append("raw/labels.csv")
    (workspace / "dvc.yaml").write_text(yaml.safe_dump(stages, sort_keys=False))
    stages_run, said = ran(workspace)
    assert stages_run == ["split"], "the faces were cropped before the table was refused"
    assert "no label: raw/labels.csv does not list it (1)" in said
    before = labels(workspace)
    assert len(set(before.values())) == 2

    write_table(table, {name: "fake" if name.startswith("real") else "real" for name in names[1:]})
    assert ran(workspace)[0] == ["split"]
    assert labels(workspace) == {face: 1 - label for face, label in before.items()}

    params["datasets"]["ffhq"] |= {"label": {"rule": "folder"}, "group": {"rule": "regex", "pattern": "([^/]+)$"}}
    workspace.write_params(params)
    assert ran(workspace)[0] == ["split"]
    after = labels(workspace)
    assert {face: after[face] for face in before} == before
    assert len(after) == len(before) + 1
    assert ran(workspace)[0] == []


def write_table(path: Path, rows: dict[str, str]) -> None:
    path.write_text("file,label\n" + "".join(f"{name},{label}\n" for name, label in rows.items()))
