"""Workspaces in temporary folders, and the commands run in them as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.dumps import Dumps


class Workspace:
    """A folder with params.yaml and dvc.yaml, and a way to run commands in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment's bin folder; fail with what it printed."""
        command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=540
        )
        if check:
            assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own and leave it running; start.log holds what it says."""
        command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
        with (self / "start.log").open("wb") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def repro(self) -> list[str]:
        """Run `dvc repro`; returns the names of the stages that ran."""
        said = self.run("dvc", "repro").stdout
        return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]

    def write_params(self, params: dict[str, Any]) -> None:
        """Replace params.yaml."""
        (self / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One Prefect database for all tests: making it takes seconds."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def server(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Prefect server for the whole session, started as a stage starts it; ends with this process."""
    code = (
        "import sys, psutil; from pathlib import Path; from flows import server, surroundings\n"
        "surroundings.set_surroundings(); server.START_TIMEOUT = 600; owner = psutil.Process(int(sys.argv[1]))\n"
        "print(server._start(owner, Path(sys.argv[2])))\n"
    )
    note = tmp_path_factory.mktemp("server") / "note.json"
    environment = {**os.environ, "PREFECT_HOME": str(prefect_home)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(os.getpid()), str(note)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def environment(prefect_home: Path) -> dict[str, str]:
    """The environment of a user who has just activated the project's virtual environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    bin_folder = str(Path(sys.executable).parent)
    return {**kept, "PREFECT_HOME": str(prefect_home), "PATH": f"{bin_folder}:{os.environ['PATH']}"}


@pytest.fixture(scope="session")
def new_workspace(
    project: Path, environment: dict[str, str], server: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, Any]], Workspace]:
    """Return a maker of workspaces: the project's dvc.yaml without the sample, and the params given."""

    def make(params: dict[str, Any]) -> Workspace:
        workspace = Workspace(tmp_path_factory.mktemp("workspace"), {**environment, "PREFECT_API_URL": server})
        stages = yaml.safe_load((project / "dvc.yaml").read_text())
        del stages["stages"]["sample"]
        (workspace / "dvc.yaml").write_text(yaml.safe_dump(stages, sort_keys=False))
        workspace.write_params(params)
        shutil.copytree(project / ".dvc", workspace / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
        subprocess.run(["git", "init", "-q", str(workspace.folder)], check=True)
        return workspace

    return make


@pytest.fixture(scope="session")
def dumps(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dumps:
    """Small dumps cut out of the real ones."""
    return Dumps(real_data, tmp_path_factory.mktemp("dumps"))


HOSTILE = "raise SystemExit('a module of the workspace was imported in place of ours')\n"


def write_hostile(folder: Path) -> None:
    """Put modules and packages that are called like ours into a workspace."""
    for name in ("tasks", "flows", "recipes"):
        (folder / f"{name}.py").write_text(HOSTILE)
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(HOSTILE)


def wait_for_files(folder: Path, pattern: str, number: int, running: subprocess.Popen[bytes]) -> None:
    """Wait until a running command has written so many files."""
    deadline = time.monotonic() + 120
    while len(list(folder.rglob(pattern))) < number:
        assert running.poll() is None, "the command ended before it could be stopped"
        assert time.monotonic() < deadline, "the command wrote nothing"
        time.sleep(0.01)
