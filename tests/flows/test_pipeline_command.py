"""`fauxface pipeline`: `dvc repro` with one server, without an activated environment, and stopped as a whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest
import yaml

from tests.flows.conftest import Workspace, wait_for_files
from tests.flows.dumps import Dumps


@pytest.fixture
def workspace(dumps: Dumps, new_workspace: Callable[[dict[str, Any]], Workspace]) -> Workspace:
    """A workspace with two stages."""
    dump = str(dumps.omi(60))
    params = {
        "datasets": {"omi": {"source": dump, "label": {"rule": "constant", "value": "fake"}}},
        "crop": {"size": 64, "shard": 4},
        "score": {"archives": {"omi": {"source": dump}}},
    }
    made = new_workspace(params)
    stages = yaml.safe_load((made / "dvc.yaml").read_text())["stages"]
    some = {"stages": {name: stages[name] for name in ("crop", "archive")}}
    (made / "dvc.yaml").write_text(yaml.safe_dump(some))
    return made


def test_all_stages_run_with_one_server_and_without_an_activated_environment(workspace: Workspace) -> None:
    del workspace.environment["PREFECT_API_URL"]
    workspace.environment["PATH"] = os.defpath
    done = workspace.run("fauxface", "pipeline")
    assert done.stderr.count("Starting a Prefect server") == 1
    assert "Running stage 'crop@omi'" in done.stdout
    assert (workspace / "data/faces/omi/images.parquet").is_file()
    assert (workspace / "data/archives/omi.json").is_file()


def test_a_stage_that_fails_ends_the_pipeline_with_its_words(workspace: Workspace) -> None:
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    workspace.write_params({**params, "train": {"epochs": -1}})
    done = workspace.run("fauxface", "pipeline", check=False)
    assert done.returncode == 1
    assert "train.epochs: input should be greater than or equal to 1" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("fauxface: `dvc repro` ended with status")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_stage_too_and_the_next_run_goes_on(workspace: Workspace, number: signal.Signals) -> None:
    running = workspace.start("fauxface", "pipeline")
    wait_for_files(workspace / "data/.state/crop", "images-*", 1, running)
    below = psutil.Process(running.pid).children(recursive=True)
    os.kill(running.pid, number)
    assert running.wait(timeout=30) == 128 + number
    _, left = psutil.wait_procs(below, timeout=20)
    assert left == []
    assert "Traceback" not in (workspace / "start.log").read_text()
    assert "Running stage" in workspace.run("fauxface", "pipeline").stdout
    assert (workspace / "data/archives/omi.json").is_file()
