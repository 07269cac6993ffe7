"""The three deployments, served against a real Prefect server and started as its UI starts them."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Workspace
from tests.flows.dumps import Dumps
from tests.flows.served import Served
from tests.flows.stand_in import write_stand_in

PARAMS: dict[str, Any] = {
    "datasets": {"none": {"source": "x"}},
    "score": {"shard": 50},
    "schedule": {"inbox": {"cron": None, "settle": 2}, "rescore": {"cron": None}, "retrain": {"cron": None}},
}


@pytest.fixture(scope="module")
def served(new_workspace: Callable[[dict[str, Any]], Workspace], server: str) -> Iterator[Served]:
    workspace = new_workspace(PARAMS)
    write_stand_in(workspace / "data/model")
    with Served(workspace, server) as made:
        yield made


def write_slowly(source: Path, target: Path, pieces: int, finish: threading.Event) -> None:
    """Copy a file in pieces, the last of them when `finish` is set."""
    data = source.read_bytes()
    step = len(data) // pieces
    with target.open("wb") as out:
        for start in range(0, len(data) - step, step):
            out.write(data[start : start + step])
            out.flush()
            finish.wait(0.3)
        while not finish.wait(0.3):
            out.write(b"")
            target.touch()
        out.write(data[out.tell() :])


def test_a_dump_is_scored_when_it_is_complete_and_once(served: Served, dumps: Dumps) -> None:
    source, finish = dumps.ffhq(20), threading.Event()
    writer = threading.Thread(
        target=write_slowly, args=(source, served.workspace / "inbox/ffhq.zip", 10, finish), daemon=True
    )
    writer.start()
    early = served.run("inbox")
    assert (early["type"], early["message"]) == ("COMPLETED", "not complete yet: ffhq.zip")
    assert not (served.workspace / "data/scores").exists()
    finish.set()
    writer.join()

    assert served.run("inbox")["message"] == "scored: ffhq.zip"
    assert len(served.scores()["member"].unique()) == 40
    parts = served.parts()
    second = served.trigger("inbox")
    assert served.api.wait(second)["message"] == "Nothing new in inbox"
    assert served.api.inner_runs(second) == []
    assert served.parts() == parts


def test_overlapping_runs_and_manual_ones_are_refused(served: Served, dumps: Dumps) -> None:
    faulty = dumps.faulty()  # made before, for the run in the inbox must outlast the start of a command
    served.drop(dumps.ffhq(800))
    first = served.trigger("inbox")
    note = served.workspace / "data/.state/workspace.json"
    served.wait_for(note.exists)
    overlapping = served.trigger("inbox")
    manual = served.workspace.run("fauxface", "score", str(faulty), check=False)
    assert manual.returncode == 1
    assert f"is being written by `fauxface schedule (inbox)` by {getpass.getuser()} on " in manual.stderr
    left = served.api.wait(overlapping)
    assert (left["type"], left["message"]) == ("CANCELLED", "Deployment concurrency limit reached.")
    assert served.api.wait(first)["message"] == "scored: ffhq-800.zip"
    assert not note.exists()
    scores = served.scores()
    assert scores[scores["archive"].str.startswith("ffhq-800-")]["member"].nunique() == 1600


def test_a_scheduled_run_leaves_a_manual_one_alone(served: Served, dumps: Dumps) -> None:
    served.drop(dumps.omi(6))
    code = "import sys; from flows.lock import workspace_lock\nwith workspace_lock('fauxface train'): sys.stdin.read()"
    python = subprocess.Popen(
        ["python", "-c", code], cwd=served.workspace.folder, env=served.workspace.environment, stdin=subprocess.PIPE
    )
    served.wait_for((served.workspace / "data/.state/workspace.json").exists)
    refused = served.run("inbox")
    python.communicate(b"")
    assert refused["type"] == "CANCELLED"
    assert f"is being written by `fauxface train` by {getpass.getuser()} on " in refused["message"]


def test_a_restart_serves_the_same_deployments_and_scores_only_what_waits(served: Served) -> None:
    before, parts = served.api.deployments(served.name), served.parts()
    served.restart()
    after = served.api.deployments(served.name)
    assert {flow: each["id"] for flow, each in before.items()} == {flow: each["id"] for flow, each in after.items()}
    assert set(after) == {"inbox", "rescore", "retrain"}
    assert not any(each["paused"] for each in after.values())
    assert served.run("inbox")["message"] == "scored: omi_stylegan2-6.tar"
    assert parts.items() < served.parts().items()


@pytest.mark.slow
def test_a_new_model_scores_the_archives_again(served: Served, dumps: Dumps) -> None:
    served.drop(dumps.omi(8))
    assert "omi_stylegan2-8.tar" in served.run("inbox")["message"]
    assert "has scored all archives" in served.run("rescore")["message"]
    shutil.rmtree(served.workspace / "data/model")
    card = write_stand_in(served.workspace / "data/model", middle=120.0)
    said = served.run("rescore")["message"]
    assert said.startswith(f"Scored by model {card.model_id}: ")
    counts = served.scores().groupby("model_id")["member"].nunique()
    assert len(counts) == 2
    assert counts.nunique() == 1
    assert "has scored all archives" in served.run("rescore")["message"]


@pytest.mark.slow
def test_a_dump_that_fails_is_noted_and_holds_up_nobody(served: Served, dumps: Dumps) -> None:
    shutil.copy(dumps.faulty(), served.workspace / "inbox/z.zip")
    with zipfile.ZipFile(served.workspace / "inbox/a.zip", "w"):
        pass  # an empty zip
    state = served.run("inbox")
    assert state["type"] == "FAILED"
    assert "scored: z.zip" in state["message"]
    assert "failed: a.zip: inbox/a.zip: holds no files" in state["message"]
    again = served.run("inbox")
    assert again["type"] == "COMPLETED"
    assert again["message"].startswith("failed, left alone until changed: a.zip (inbox/a.zip: holds no files")
    shutil.copy(dumps.faulty(), served.workspace / "inbox/a.zip")
    assert served.run("inbox")["message"] == "scored: a.zip"


def test_a_second_server_of_the_schedules_is_refused(served: Served, tmp_path: Path) -> None:
    second = served.workspace.run("fauxface", "schedule", check=False)
    assert second.returncode == 1
    assert f"is served already by `fauxface schedule` by {getpass.getuser()} on " in second.stderr

    namesake = Workspace(tmp_path / served.name, served.workspace.environment)
    namesake.folder.mkdir()
    namesake.write_params(PARAMS)
    refused = namesake.run("fauxface", "schedule", check=False)
    assert refused.returncode == 1
    assert f"inbox/{served.name} on this Prefect server is being served for another workspace" in refused.stderr


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"PREFECT_API_URL": "http://127.0.0.1:PORT/api"}, "http://127.0.0.1:PORT/api does not answer"),
        ({}, "No Prefect server is configured. Run `make server`"),
    ],
)
def test_without_a_server_it_is_said_what_to_do(
    served: Served, change: dict[str, str], expected: str, closed_port: int
) -> None:
    change = {name: value.replace("PORT", str(closed_port)) for name, value in change.items()}
    kept = {name: value for name, value in served.workspace.environment.items() if name != "PREFECT_API_URL"}
    done = Workspace(served.workspace.folder, {**kept, **change}).run("fauxface", "schedule", check=False)
    assert done.returncode == 1
    assert expected.replace("PORT", str(closed_port)) in done.stderr
    assert "Traceback" not in done.stderr
