"""What is not versioned stays out of git in every workspace, whatever its .gitignore says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flows.lock import workspace_lock
from flows.workspace import STATE, make_state_folder


def test_git_finds_nothing_to_add_below_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    with workspace_lock(dvc=False):
        (STATE / "crop" / "faces@key").mkdir(parents=True)
        (STATE / "crop" / "faces@key" / "images-00000.parquet").write_text("x")
    (tmp_path / "params.yaml").write_text("x")
    found = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == ["??", "params.yaml"]


def test_what_a_user_wrote_there_is_left_alone(tmp_path: Path) -> None:
    make_state_folder(tmp_path / "state")
    (tmp_path / "state" / ".gitignore").write_text("own")
    make_state_folder(tmp_path / "state")
    assert (tmp_path / "state" / ".gitignore").read_text() == "own"
