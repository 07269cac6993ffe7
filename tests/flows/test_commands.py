"""Commands that end well: nothing left where there is no workspace, a user's own modules let be, several dumps."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import cli, faults
from flows.faults import hush_known_errors, words_for
from tasks.own_process import own_command, python_command
from tasks.params import FauxfaceError
from tasks.scoring.ledger import ledger
from tasks.scoring.store import ScoreStore
from tests.flows.conftest import HOSTILE, Workspace, write_hostile
from tests.flows.dumps import Dumps
from tests.flows.stand_in import write_stand_in

PARAMS: dict[str, Any] = {"datasets": {"none": {"source": "x"}}, "score": {"shard": 10}}
NewWorkspace = Callable[[dict[str, Any]], Workspace]


def run_main(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """Run the command line in this process; returns what it would exit with."""
    monkeypatch.setattr(sys, "argv", ["fauxface", *words])
    monkeypatch.setattr("flows.cli.signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


COMMANDS = [
    ["crop", "faces"], ["archive", "monday"], ["split"], ["train"], ["evaluate"], ["score", "x.zip"], ["score"],
    ["report"], ["pipeline"], ["schedule"], ["detect", "x.jpg"], ["predict", "x.jpg"], ["scores", "list"],
    ["scores", "show"], ["scores", "compare", "a", "b"], ["scores", "export", "a", "--csv", "out.csv"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_folder_that_is_no_workspace_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = run_main(monkeypatch, *words)
    assert code is None if words == ["scores", "list"] else code == 1 or str(code).startswith("fauxface: ")
    assert list(tmp_path.iterdir()) == []


def test_modules_beside_the_workspace_are_never_imported_in_place_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_hostile(tmp_path)
    guard = own_command("flows.child_process", "1", sys.executable, "-c", "raise SystemExit(3)")
    for path in ("", str(tmp_path)):  # not even from the user's own path of modules
        monkeypatch.setenv("PYTHONPATH", path)
        with subprocess.Popen(guard, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            assert running.stderr is not None
            said = running.stderr.read()
            assert (running.wait(), said) == (3, b"")


def test_what_we_start_of_others_does_not_look_into_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "tabnanny.py").write_text(HOSTILE)
    command = python_command("tabnanny", str(tmp_path / "tabnanny.py"))
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("entrypoint", ["inbox", "rescore", "retrain"])
def test_prefect_s_deployments_name_what_a_worker_runs_apart_from_the_workspace(project: Path, entrypoint: str) -> None:
    import yaml

    settings = yaml.safe_load((project / "prefect.yaml").read_text())
    (found,) = (each for each in settings["deployments"] if each["entrypoint"] == f"fauxface.runs.{entrypoint}")
    assert found["work_pool"]["job_variables"]["command"].split()[:2] == ["python", "-I"]


@pytest.fixture(scope="module")
def workspace(new_workspace: NewWorkspace, dumps: Dumps) -> Workspace:
    """A workspace with a model, hostile modules, good dumps and bad ones."""
    made = new_workspace(PARAMS)
    write_hostile(made.folder)
    write_stand_in(made / "data/model")
    for folder, members in (("a", dumps.omi(2)), ("b", dumps.omi(3))):
        (made / folder).mkdir()
        shutil.copy(members, made / folder / "images.tar")
    shutil.copy(dumps.omi(4), made / "x::y.tar")
    with zipfile.ZipFile(made / "texts.zip", "w") as texts:
        texts.writestr("readme.txt", "no picture")
        texts.writestr("empty.jpg", "")
        texts.writestr("more.txt", "none either")
    with zipfile.ZipFile(made / "nothing.zip", "w"):
        pass
    return made


def test_one_bad_dump_among_several_is_told_at_the_end_and_the_others_are_scored(workspace: Workspace) -> None:
    words = ["nothing.zip", "a/images.tar", "texts.zip", "b/images.tar", "gone.zip", "x::y.tar"]
    done = workspace.run("fauxface", "score", *words, check=False)
    assert done.returncode == 1
    assert "a/images.tar: 2 inputs = 2 ok" in done.stdout
    assert "b/images.tar: 3 inputs = 3 ok" in done.stdout
    assert "x_y: 4 inputs = 4 ok" in done.stdout
    assert "texts: 3 inputs = 1 empty_file, 2 not_an_image" in done.stdout
    assert "--retry-failed" not in done.stdout
    nothing, texts, gone = done.stderr.splitlines()[-3:]
    assert nothing == "fauxface: nothing.zip: holds no files; an empty zip cannot be what you meant"
    assert texts.startswith("fauxface: texts.zip: nothing in it could be read: of 3 inputs 2 not_an_image, such as rea")
    assert gone == "fauxface: gone.zip: there is no such file or folder; check the path"
    assert "changed since" not in done.stderr, "archives of one name are not compared"
    assert "Traceback" not in done.stderr
    found = {scoring.record.source for scoring in ledger(ScoreStore(str(workspace / "data/scores"))) if scoring.record}
    assert found == {"a/images.tar", "b/images.tar", "texts.zip", "x::y.tar"}
    assert not (workspace / "reports/compare").exists()


def test_a_dump_of_which_nothing_can_be_read_fails_each_time(workspace: Workspace) -> None:
    for _ in range(2):
        done = workspace.run("fauxface", "score", "texts.zip", check=False)
        assert done.returncode == 1
        assert "nothing in it could be read" in done.stderr.splitlines()[-1]


def test_a_dead_proxy_and_a_single_empty_zip_cost_one_line(workspace: Workspace) -> None:
    dead = "http://127.0.0.1:1"
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"), dead)
    behind = Workspace(workspace.folder, {**workspace.environment, **proxies})
    done = behind.run("fauxface", "score", "nothing.zip", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["fauxface: nothing.zip: holds no files; an empty zip cannot be what you meant"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "/data/part"), "/data/part: the disk is full. Free some space"),
        (OSError("could not write: [errno 28] No space left on device"), "the disk is full. Free some space"),
        (PermissionError(13, "Permission denied", "/data"), "/data: Permission denied. Check owner and permissions"),
        (OSError(30, "Read-only file system", "/data"), "/data: Read-only file system. Check owner"),
        (MemoryError(), "the memory does not suffice"),
        (ValueError("no\nsuch " + "x" * 900), "ValueError: no such xxx"),
    ],
)
def test_what_nobody_foresaw_is_two_lines_and_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    monkeypatch.setattr(faults, "private_folder", lambda: tmp_path)
    monkeypatch.delenv(faults.DEBUG, raising=False)
    try:
        raise RuntimeError("at work") from error
    except RuntimeError as raised:
        words = words_for(error if isinstance(error, MemoryError | ValueError) else raised)
        trace = "ValueError" if isinstance(error, ValueError) else type(error).__name__
    first, second = words.splitlines()
    assert first.startswith(f"fauxface: {said}")
    assert len(first) < 500
    (log,) = tmp_path.iterdir()
    assert str(log) in second
    assert trace in log.read_text()


def test_a_lost_server_is_told_with_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    monkeypatch.setattr(faults, "private_folder", lambda: tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    said = words_for(httpx.ConnectError("All connection attempts failed"))
    assert said.startswith("fauxface: the Prefect server at http://127.0.0.1:4200/api cannot be used any more (Connect")


def test_without_a_place_for_logs_the_words_come_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> Path:
        raise FauxfaceError("no room")

    monkeypatch.setattr(faults, "private_folder", full)
    assert words_for(ValueError("x")).splitlines()[1].startswith("The traceback could not be written")


@pytest.mark.parametrize("words", [["--debug", "report"], ["report", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(faults.DEBUG, "")
    assert "params.yaml: cannot be read" in str(run_main(monkeypatch, "report"))
    assert "Traceback" not in capfd.readouterr().err
    assert "params.yaml: cannot be read" in str(run_main(monkeypatch, *words))
    assert "Traceback" in capfd.readouterr().err


def test_errors_in_words_have_no_traceback_in_prefect_s_logs_and_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(faults.DEBUG, raising=False)
    hush_known_errors()
    hush_known_errors()
    records = []
    logger = logging.getLogger("prefect.flow_runs")
    for error in (FauxfaceError("empty.zip: holds no files"), ValueError("a bug")):
        message = "Encountered exception during execution: %r"
        exc_info = (type(error), error, None)
        record = logger.makeRecord(logger.name, logging.ERROR, __file__, 1, message, (error,), exc_info)
        assert logger.filter(record)
        records.append(record)
    known, bug = records
    assert (known.getMessage(), known.exc_info) == ("empty.zip: holds no files", None)
    assert bug.exc_info is not None


def test_the_version_is_that_of_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stated = tomllib.loads((project / "pyproject.toml").read_text())["project"]["version"]
    assert not run_main(monkeypatch, "--version")
    assert capsys.readouterr().out == f"fauxface {stated}\n"
    assert f"\nversion: {stated}\n" in (project / "CITATION.cff").read_text()
    assert f"\n## {stated} - " in (project / "CHANGELOG.md").read_text()


def test_without_a_command_they_are_shown_in_groups_each_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch) == 2
    shown = capsys.readouterr().out
    groups = ["Start", "Single images", "Scores", "Stages", "Schedules"]
    assert sorted(groups, key=shown.index) == groups
    listed = [line.split()[1] for line in shown.splitlines() if line.startswith("│ ") and line[2] not in " -"]
    commands = [each.name or each.callback.__name__ for each in cli.app.registered_commands if each.callback]
    assert sorted(listed) == sorted([*commands, "scores", "model"])


def test_a_shell_completes_commands() -> None:
    asked = {**os.environ, "_FAUXFACE_COMPLETE": "complete_bash", "COMP_WORDS": "fauxface sch", "COMP_CWORD": "1"}
    command = str(Path(sys.executable).parent / "fauxface")
    assert subprocess.run([command], env=asked, capture_output=True, text=True, check=True).stdout.split() == [
        "schedule"
    ]
