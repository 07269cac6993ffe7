"""A decoder that fails in native code: `crop`, `score` and `predict` go on by themselves and lose one picture each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.faults.pictures import ABORT, CRASH, HANG, broken_decoder, marked, picture, zipped
from tests.faults.table import Tell, rows_wrong, tell
from tests.flows.conftest import Workspace
from tests.flows.stand_in import write_stand_in

NewWorkspace = Callable[[dict[str, Any]], Workspace]
CONSTANT = {"rule": "constant", "value": "fake"}


def workspace_with(new_workspace: NewWorkspace, folder: Path, bad: dict[int, bytes], hang: float = 60.0) -> Workspace:
    files = {f"{number:02d}.jpg": bad.get(number) or picture(number) for number in range(20)}
    dump = zipped(folder / "dump.zip", files)
    workspace = new_workspace({"datasets": {"mine": {"source": str(dump), "label": CONSTANT}}, "crop": {"shard": 8}})
    workspace.environment = {**workspace.environment, **broken_decoder(folder / "notes", hang)}
    return workspace


def statuses(path: Path) -> dict[str, str]:
    rows = pd.read_parquet(path)
    return dict(zip(rows["member"], rows["status"], strict=True))


def test_crop_goes_on_after_crashes_and_says_so(
    new_workspace: NewWorkspace, tmp_path: Path, record_property: Tell
) -> None:
    workspace = workspace_with(new_workspace, tmp_path, {3: marked(3, CRASH), 17: marked(17, ABORT)})
    done = workspace.run("fauxface", "crop", "mine")
    path = workspace / "data/faces/mine/images.parquet"
    found = statuses(path)
    assert [name for name, status in found.items() if status == "crashed"] == ["03.jpg", "17.jpg"]
    assert set(found.values()) == {"crashed", "no_face"}
    assert "starting again" in done.stderr
    assert "2 crashed" in done.stdout
    tell(record_property, "decoder crashes", 2, **rows_wrong(pd.read_parquet(path), 20))


def test_detect_says_of_every_picture_once_what_became_of_it(
    environment: dict[str, str], tmp_path: Path, record_property: Tell
) -> None:
    workspace = Workspace(tmp_path, {**environment, **broken_decoder(tmp_path / "notes")})
    names = [f"{number}.jpg" for number in range(5)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(marked(number, CRASH) if number == 2 else picture(number))
    done = workspace.run("fauxface", "detect", "--json", *names, check=False)
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["image"] for entry in entries] == names
    assert [entry["status"] for entry in entries] == ["no_face", "no_face", "crashed", "no_face", "no_face"]
    assert done.returncode == 1
    assert done.stderr.count("2.jpg: crashed") == 1
    tell(record_property, "decoder crashes", 1)


@pytest.mark.slow
def test_score_goes_on_after_a_hang(new_workspace: NewWorkspace, tmp_path: Path, record_property: Tell) -> None:
    workspace = workspace_with(new_workspace, tmp_path, {5: marked(5, HANG)}, hang=20.0)
    write_stand_in(workspace / "data/model")
    workspace.run("fauxface", "score", str(tmp_path / "dump.zip"))
    (part,) = (workspace / "data/scores").rglob("part-*.parquet")
    assert [name for name, status in statuses(part).items() if status == "crashed"] == ["05.jpg"]
    tell(record_property, "decoder hangs", 1, **rows_wrong(pd.read_parquet(part), 20))


def test_a_crash_that_no_picture_explains_ends_the_command_in_words(
    new_workspace: NewWorkspace, tmp_path: Path, record_property: Tell
) -> None:
    """What cannot be found apart is not tried for ever."""
    workspace = workspace_with(new_workspace, tmp_path, {3: marked(3, CRASH)})
    workspace.environment["TEST_SOUND"] = "tasks.detection.trial"
    done = workspace.run("fauxface", "crop", "mine", check=False)
    assert done.returncode == 128 + 11
    assert done.stderr.count("starting again") == 3
    assert "ended by SIGSEGV" in done.stderr
    assert "Traceback (most recent" not in done.stderr
    tell(record_property, "decoder crashes for no picture", 1)
