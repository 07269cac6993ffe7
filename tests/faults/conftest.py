"""A workspace that has gone through all stages undisturbed, copies of it to break, and commands that can be struck."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Workspace, dumps, environment, new_workspace, prefect_home, server
from tests.flows.dumps import Dumps

__all__ = ["dumps", "environment", "new_workspace", "prefect_home", "server"]

RECIPE = """
network: cnn3
weights: none
network_arguments: {widths: [4, 4, 8]}
input_size: 32
epochs: 3
batch_size: 8
learning_rate: 0.01
augmentation: [HorizontalFlip: {p: 0.5}]
"""
CANARY = "canary-of-the-environment"  # what must not be found anywhere but there
COMMANDS = {
    "crop": ("crop", "ffhq"),
    "split": ("split",),
    "train": ("train",),
    "evaluate": ("evaluate",),
    "score": ("score",),
    "report": ("report",),
}


@dataclass
class Ended:
    """How a command ended, how often it touched its workspace, and what it said."""

    status: int
    touched: int
    said: str


class Zygote:
    """Forks commands from a process that has imported everything."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._answer() == "ready"

    def run(
        self, folder: Path, *words: str, at: int | None = None, do: str = "", clock: int = 0, largest_file: int = -1
    ) -> Ended:
        """Run `fauxface` with these words in a folder; `do` something at the touch `at`."""
        log = folder.parent / f"{folder.name}.log"
        log.unlink(missing_ok=True)
        order = {"folder": str(folder), "words": words, "log": str(log), "at": at, "do": do, "clock": clock}
        order["largest_file"] = largest_file
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._answer()), said=log.read_text())

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(600)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@dataclass
class Lab:
    """An undisturbed workspace and what its commands touched; makes copies in which a stage is still to be run."""

    unbroken: Path
    touched: dict[str, int]
    zygote: Zygote
    folder: Path
    made: int = 0

    def before(self, stage: str) -> Path:
        """Return a copy of the workspace as it was before `stage`: what later stages made is gone too."""
        self.made += 1
        copy = self.folder / f"{stage}-{self.made}"
        shutil.copytree(self.unbroken, copy)
        later = list(COMMANDS)[list(COMMANDS).index(stage) :]
        for path in (path for each in later for path in outputs(each)):
            shutil.rmtree(copy / path) if (copy / path).is_dir() else (copy / path).unlink(missing_ok=True)
        shutil.rmtree(copy / "data/.state", ignore_errors=True)
        return copy

    def points(self, stage: str, number: int, seed: int) -> list[int]:
        """Return moments of a stage, drawn by a seed."""
        return random.Random(f"{stage} {seed}").choices(range(1, self.touched[stage] + 1), k=number)


def outputs(stage: str) -> list[Path]:
    """Return what a stage writes."""
    made = {
        "crop": ["data/faces/ffhq", "reports/crop"],
        "split": ["data/manifests", "reports/split.json"],
        "train": ["data/model", "reports/train.json", "reports/train_history.csv"],
        "evaluate": ["reports/evaluate.json", "reports/evaluate"],
        "score": ["data/scores", "reports/score.json"],
        "report": ["reports/index.html"],
    }
    return [Path(name) for name in made[stage]]


@pytest.fixture(scope="session")
def zygote(project: Path, environment: dict[str, str], server: str) -> Iterator[Zygote]:
    secrets = dict.fromkeys(("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "AZURE_STORAGE_KEY"), CANARY)
    process = Zygote(project, {**environment, **secrets, "PREFECT_API_URL": server, "PYTHONPATH": str(project)})
    yield process
    process.stop()


@pytest.fixture(scope="session")
def lab(
    zygote: Zygote,
    dumps: Dumps,
    new_workspace: Callable[[dict[str, Any]], Workspace],
    tmp_path_factory: pytest.TempPathFactory,
) -> Lab:
    """Run every stage once, undisturbed, on forty real photographs and generated faces, four to a shard."""
    workspace = new_workspace(settings(dumps)).folder
    (workspace / "small.yaml").write_text(RECIPE)
    shutil.rmtree(workspace / ".dvc")  # these commands are run by hand
    touched = {}
    for stage, words in COMMANDS.items():
        ended = zygote.run(workspace, *words)
        assert ended.status == 0, ended.said
        touched[stage] = ended.touched
    return Lab(workspace, touched, zygote, tmp_path_factory.mktemp("broken"))


def settings(dumps: Dumps) -> dict[str, Any]:
    return {
        "datasets": {"ffhq": {"source": str(dumps.ffhq(20))}},
        "crop": {"size": 48, "shard": 4},
        "split": {"seed": 3, "valid": 0.25, "test": 0.25},
        "train": {"recipe": "small.yaml", "seed": 1},
        "evaluate": {"bootstrap": 100, "perturbed": 10},
        "score": {"shard": 4, "archives": {"faulty": {"source": str(dumps.faulty())}}},
    }


@pytest.fixture(scope="session", autouse=True)
def notes_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What these tests do to decoders is nothing to remember on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))
        yield


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
