"""Scorings that are killed, lose workers or live in an object store end as an undisturbed one, row for row."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.small_images import write_tar
from tests.flows.clusters import SECRET, DaskCluster, ObjectStore, object_store
from tests.flows.conftest import Workspace
from tests.flows.stand_in import write_stand_in

SHARD = 20
RUNNER: dict[str, Any] = {"kind": "threads"}
NewWorkspace = Callable[[dict[str, Any]], Workspace]
Digests = dict[str, str]


class Scoring:
    """A dump of small images, a workspace with a model, and the parts that a scoring of one leaves in the other."""

    def __init__(self, workspace: Workspace, dump: Path, images: int) -> None:
        self.workspace, self.dump, self.images = workspace, dump, images
        self.shards = -(-images // SHARD)

    def words(self, out: str, *more: str) -> list[str]:
        return ["fauxface", "score", str(self.dump), "--out", out, *more]

    def parts(self, out: str) -> list[Path]:
        return sorted((self.workspace / out).rglob("part-*.parquet"))

    def digests(self, out: str) -> Digests:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.parts(out)}

    def on(self, runner: dict[str, Any]) -> Scoring:
        """Let the shards run elsewhere from now on."""
        self.workspace.write_params(
            {"datasets": {"none": {"source": "x"}}, "score": {"shard": SHARD}, "runner": runner}
        )
        return self

    def wait_for_parts(self, out: str, number: int, running: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 180
        while len(self.parts(out)) < number:
            assert running.poll() is None, (self.workspace / "start.log").read_text()
            assert time.monotonic() < deadline, "no parts appeared"
            time.sleep(0.01)


def make_scoring(new_workspace: NewWorkspace, real_data: Path, images: int) -> Scoring:
    workspace = new_workspace({})
    write_stand_in(workspace / "data/model")
    write_tar(workspace / "small.tar", str(real_data / "faces" / "dfdc_faceswap.tar"), images)
    return Scoring(workspace, workspace / "small.tar", images).on(RUNNER)


@pytest.fixture(scope="module")
def scoring(new_workspace: NewWorkspace, real_data: Path) -> Scoring:
    return make_scoring(new_workspace, real_data, 240)


@pytest.fixture(scope="module")
def unbroken(scoring: Scoring) -> Digests:
    """The parts of a scoring that nothing disturbed."""
    scoring.on(RUNNER).workspace.run(*scoring.words("unbroken"))
    assert len(pd.read_parquet(scoring.workspace / "unbroken")["member"].unique()) == scoring.images
    return scoring.digests("unbroken")


def kill_again_and_again(scoring: Scoring, out: str, kills: int) -> None:
    """Kill a scoring at random moments from its start to shortly before its end, starting it again each time.

    A part that was finished is never written again: every writing makes a new inode.
    """
    randomness = random.Random(kills)
    finished: dict[Path, int] = {}
    for target in sorted(randomness.randrange(scoring.shards - 2) for _ in range(kills)):
        running = scoring.workspace.start(*scoring.words(out))
        scoring.wait_for_parts(out, target, running)
        time.sleep(randomness.uniform(0, 0.5))
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert {path: path.stat().st_ino for path in finished} == finished, "a finished shard was scored twice"
        finished = {path: path.stat().st_ino for path in scoring.parts(out)}
    scoring.workspace.run(*scoring.words(out))
    assert {path: path.stat().st_ino for path in finished} == finished, "a finished shard was scored twice"


def test_kills_cost_nothing_that_was_finished(scoring: Scoring, unbroken: Digests) -> None:
    kill_again_and_again(scoring, "killed", 2)
    assert scoring.digests("killed") == unbroken
    assert not list(scoring.workspace.folder.rglob(".tmp-*"))


@pytest.mark.slow
def test_ten_kills_of_several_thousand_images(new_workspace: NewWorkspace, real_data: Path) -> None:
    large = make_scoring(new_workspace, real_data, 3000)
    large.workspace.run(*large.words("unbroken"))
    kill_again_and_again(large, "killed", 10)
    assert large.digests("killed") == large.digests("unbroken")
    assert len(pd.read_parquet(large.workspace / "killed")["member"].unique()) == 3000
    assert not list(large.workspace.folder.rglob(".tmp-*"))


def test_a_worker_lost_costs_its_shards_again_and_no_more(scoring: Scoring, unbroken: Digests, tmp_path: Path) -> None:
    with DaskCluster(tmp_path, scoring.workspace.environment) as cluster:
        scoring.on({"kind": "dask", "address": cluster.address})
        running = scoring.workspace.start(*scoring.words("clustered"))
        scoring.wait_for_parts("clustered", 3, running)
        finished = {path: path.stat().st_ino for path in scoring.parts("clustered")}
        cluster.lose_one()
        assert running.wait(timeout=300) == 0, (scoring.workspace / "start.log").read_text()
    assert {path: path.stat().st_ino for path in finished} == finished
    assert scoring.digests("clustered") == unbroken
    assert not list(scoring.workspace.folder.rglob(".tmp-*"))


def test_a_data_set_is_cropped_on_a_cluster_as_it_is_here(scoring: Scoring, tmp_path: Path) -> None:
    small = {"datasets": {"small": {"source": str(scoring.dump), "label": {"rule": "constant", "value": "fake"}}},
             "crop": {"shard": 60, "keep": "all"}}  # fmt: skip
    found: list[Digests] = []
    with DaskCluster(tmp_path, scoring.workspace.environment) as cluster:
        for runner in (RUNNER, {"kind": "dask", "address": cluster.address}):
            scoring.workspace.write_params({**small, "runner": runner})
            scoring.workspace.run("fauxface", "crop", "small")
            parts = sorted((scoring.workspace / "data/faces/small").glob("*.parquet"))
            found.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in parts})
    assert len(found[0]) == scoring.images // 60 + 1
    assert found[0] == found[1]


@pytest.mark.slow
def test_an_interrupt_leaves_the_cluster_running_and_says_how_to_go_on(
    scoring: Scoring, unbroken: Digests, tmp_path: Path
) -> None:
    with DaskCluster(tmp_path, scoring.workspace.environment) as cluster:
        scoring.on({"kind": "dask", "address": cluster.address})
        running = scoring.workspace.start(*scoring.words("interrupted"))
        scoring.wait_for_parts("interrupted", 1, running)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=30) == 128 + signal.SIGINT
        said = (scoring.workspace / "start.log").read_text()
        assert "goes on from there" in said
        assert "Traceback" not in said
        scoring.workspace.run(*scoring.words("interrupted"))
    assert scoring.digests("interrupted") == unbroken


@pytest.fixture
def store(scoring: Scoring, tmp_path: Path) -> Iterator[ObjectStore]:
    """An object store that holds the dump and the model."""
    with object_store("bucket", tmp_path / "access.log") as opened:
        opened.files.put_file(str(scoring.dump), "bucket/small.tar")
        opened.files.put(str(scoring.workspace / "data/model"), "bucket/model", recursive=True)
        yield opened


REMOTE = ["fauxface", "score", "s3://bucket/small.tar", "--model", "s3://bucket/model", "--out", "s3://bucket/scores"]


def assert_same_rows(store: ObjectStore, scoring: Scoring) -> None:
    """Compare with the unbroken scoring, but for the label, whose fingerprint is that of the store's object."""
    remote = pd.read_parquet("bucket/scores", filesystem=store.files)
    pd.testing.assert_frame_equal(in_order(remote), in_order(pd.read_parquet(scoring.workspace / "unbroken")))


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="archive").sort_values(["index", "face_index"], ignore_index=True)


def test_an_object_store_gives_and_takes_what_a_disk_does(
    scoring: Scoring, unbroken: Digests, store: ObjectStore, prefect_home: Path
) -> None:
    here = scoring.on(RUNNER).workspace
    remote = Workspace(here.folder, {**here.environment, **store.environment})
    running = remote.start(*REMOTE)
    while len(store.written()) < 4:
        assert running.poll() is None, (remote / "start.log").read_text()
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    said = remote.run(*REMOTE)
    assert list(store.written().values()) == [1] * scoring.shards, "each part is written once, counted by the server"
    assert_same_rows(store, scoring)
    assert SECRET not in said.stdout + said.stderr
    assert not any(SECRET.encode() in path.read_bytes() for path in prefect_home.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_cluster_on_an_object_store_survives_a_lost_worker(
    scoring: Scoring, unbroken: Digests, store: ObjectStore, tmp_path: Path
) -> None:
    here = scoring.workspace
    remote = Workspace(here.folder, {**here.environment, **store.environment})
    with DaskCluster(tmp_path, remote.environment) as cluster:
        scoring.on({"kind": "dask", "address": cluster.address})
        running = remote.start(*REMOTE)
        while len(store.written()) < 3:
            assert running.poll() is None, (remote / "start.log").read_text()
            time.sleep(0.05)
        cluster.lose_one()
        assert running.wait(timeout=300) == 0, (remote / "start.log").read_text()
        assert SECRET not in cluster.log() + (remote / "start.log").read_text()
    assert len(store.written()) == scoring.shards
    assert_same_rows(store, scoring)
