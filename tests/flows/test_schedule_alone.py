"""The schedules left to themselves: cron on a server with its services, kills of both sides, a retraining."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.flows.clusters import object_store
from tests.flows.conftest import Workspace, wait_for_files
from tests.flows.dumps import Dumps
from tests.flows.prefect_api import PrefectApi
from tests.flows.served import Served
from tests.flows.stand_in import write_stand_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NewWorkspace = Callable[[dict[str, Any]], Workspace]


class Server:
    """A Prefect server as `make server` starts it, on a free port and with a database of its own."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        self.url = f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 240
        while not self._answers():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        try:
            return bool(PrefectApi(self.url).call("GET", "/health"))
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "prefect")
    try:
        made.start()
        yield made
    finally:
        made.kill()


def served_at(workspace: Workspace, server: str) -> Served:
    return Served(Workspace(workspace.folder, {**workspace.environment, "PREFECT_API_URL": server}), server)


def test_cron_goes_on_after_kills_of_both_sides(new_workspace: NewWorkspace, own_server: Server, dumps: Dumps) -> None:
    by_hand, every_minute = {"cron": None}, {"cron": "* * * * *", "settle": 1}
    schedule = {"inbox": every_minute, "rescore": by_hand, "retrain": by_hand}
    workspace = new_workspace({"datasets": {"none": {"source": "x"}}, "score": {"shard": 5}, "schedule": schedule})
    write_stand_in(workspace / "data/model")
    with served_at(workspace, own_server.url) as served:
        served.drop(dumps.omi(60))
        wait_for_files(workspace / "data", "part-*", 2, served.process)
        os.killpg(served.process.pid, signal.SIGKILL)  # the run in its process, too
        served.process.wait()
    own_server.kill()
    kept = served.parts()
    own_server.start()
    note = workspace / "data/.state/workspace.json"
    with served_at(workspace, own_server.url) as served:
        served.wait_for(lambda: len(served.parts()) == 12 and not note.exists())
        assert kept.items() <= served.parts().items(), "a part was scored twice"
        assert len(served.scores()["member"].unique()) == 60
        served.drop(dumps.ffhq(5))
        served.wait_for(lambda: len(served.parts()) == 14)
    states = served.api.call("POST", "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}})
    assert states == [], "a dead run keeps its deployment's place"


def test_a_retraining_runs_dvc_under_its_lock_and_pushes(
    new_workspace: NewWorkspace, server: str, dumps: Dumps, tmp_path: Path
) -> None:
    by_hand = {"cron": None}
    schedule = {"inbox": by_hand, "rescore": by_hand, "retrain": by_hand}
    archives = {"monday": {"source": str(dumps.omi(12))}}
    workspace = new_workspace(
        {"datasets": {"none": {"source": "x"}}, "score": {"archives": archives}, "schedule": schedule}
    )
    card = write_stand_in(workspace / "data/model")
    stages = yaml.safe_load((workspace / "dvc.yaml").read_text())["stages"]
    kept = {name: stages[name] for name in ("archive", "score")}
    (workspace / "dvc.yaml").write_text(yaml.safe_dump({"stages": kept}))
    with Served(workspace, server) as served:
        state = served.run("retrain")
        assert (state["type"], state["message"]) == ("COMPLETED", f"Model {card.model_id}; no DVC remote to push to")
        assert len(served.scores()["member"].unique()) == 12

        workspace.run("dvc", "remote", "add", "-d", "here", str(tmp_path / "remote"))
        assert served.run("retrain")["message"] == f"Model {card.model_id}; pushed"
        assert any(path.is_file() for path in (tmp_path / "remote").rglob("*"))

        shutil.rmtree(workspace / "data/model")
        (workspace / "dvc.lock").unlink()
        failed = served.run("retrain")
        assert failed["type"] == "FAILED"
        assert "`dvc repro` ended with status" in failed["message"]


def test_a_retraining_ends_with_the_schedules(new_workspace: NewWorkspace, server: str) -> None:
    by_hand = {"cron": None}
    schedule = {"inbox": by_hand, "rescore": by_hand, "retrain": by_hand}
    workspace = new_workspace({"datasets": {"none": {"source": "x"}}, "schedule": schedule})
    stage = {"cmd": "echo $$ > stage.pid && exec sleep 300", "outs": ["data/slow"]}
    (workspace / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"slow": stage}}))
    with Served(workspace, server) as served:
        run = served.trigger("retrain")
        served.wait_for((workspace / "stage.pid").exists)
        time.sleep(0.5)
        stage_process = psutil.Process(int((workspace / "stage.pid").read_text()))
    stage_process.wait(timeout=30)
    assert served.api.wait(run)["type"] == "CRASHED"
    assert (
        workspace.run("fauxface", "score", "some.zip", "--model", "nowhere", check=False).stderr.count("holds no model")
        == 1
    ), "free again"


def test_an_inbox_and_scores_in_an_object_store(
    new_workspace: NewWorkspace, server: str, dumps: Dumps, tmp_path: Path
) -> None:
    by_hand = {"cron": None}
    inbox = {**by_hand, "source": "s3://bucket/inbox", "settle": 1}
    schedule = {"out": "s3://bucket/scores", "inbox": inbox, "rescore": by_hand, "retrain": by_hand}
    workspace = new_workspace({"datasets": {"none": {"source": "x"}}, "schedule": schedule})
    write_stand_in(workspace / "data/model")
    with object_store("bucket", tmp_path / "store.log") as store:
        environment = {**workspace.environment, **store.environment}
        with Served(Workspace(workspace.folder, environment), server) as served:
            assert served.run("inbox")["message"] == "Nothing new in s3://bucket/inbox"
            store.files.put(str(dumps.omi(12)), "bucket/inbox/omi.tar")
            assert served.run("inbox")["message"] == "scored: omi.tar"
            assert served.run("inbox")["message"] == "Nothing new in s3://bucket/inbox"
            assert "has scored all archives" in served.run("rescore")["message"]
            assert list(store.written().values()) == [1]
