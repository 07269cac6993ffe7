"""Files appear whole or not at all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.params.files import atomic_write, remove_stale, remove_temp_files, sha256_file, write_json


def test_a_file_appears_only_when_the_block_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with atomic_write(target) as temp:
        temp.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")

    def fail_in_the_middle() -> None:
        with atomic_write(target) as temp:
            temp.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_in_the_middle()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_a_kill_in_the_middle_leaves_the_old_file_and_a_temp_file_to_clean(tmp_path: Path, project: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path; from tasks.params.files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as temp:\n"
        "    temp.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False, cwd=project)
    assert done.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    assert remove_temp_files(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_what_killed_writers_left_goes_at_any_depth_but_not_in_spared_folders(tmp_path: Path) -> None:
    left = [tmp_path / ".tmp-1-model/card.json", tmp_path / "reports/evaluate/.tmp-2-roc.csv"]
    kept = [tmp_path / "model/card.json", tmp_path / "raw/.tmp-3-dump.zip", tmp_path / "reports/tmp-4.csv"]
    for path in (*left, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert remove_stale(tmp_path, [tmp_path / "raw"]) == 2
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)
    assert not left[0].parent.exists()
    assert remove_stale(tmp_path / "nowhere") == 0


def test_json_has_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    write_json(tmp_path / "a.json", {"name": "ü"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"name": "ü"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
