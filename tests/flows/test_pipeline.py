"""The pipeline through `dvc repro`, on real images in a temporary workspace: what runs, what does not, what adds up."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from tasks.manifests.schemas import SCORE_FILE
from tests.flows.conftest import Workspace, wait_for_files
from tests.flows.dumps import Dumps

STAGES = [
    "crop@ffhq",
    "crop@dfdc",
    "crop@omi",
    "split",
    "train",
    "evaluate",
    "explain",
    "archive@faulty",
    "score",
    "report",
]


@pytest.fixture(scope="module")
def params(dumps: Dumps) -> dict[str, Any]:
    return {
        "datasets": {
            "ffhq": {"source": str(dumps.ffhq(60))},
            "dfdc": {
                "source": str(dumps.dfdc(80)),
                "label": {"rule": "csv", "file": "metadata.csv"},
                "group": {"rule": "csv", "file": "metadata.csv"},
            },
            "omi": {"source": str(dumps.omi(12)), "label": {"rule": "constant", "value": "fake"}, "use": "test"},
        },
        "crop": {"size": 64, "shard": 50},
        "split": {"seed": 3, "valid": 0.2, "test": 0.2},
        "train": {"recipe": "cnn3", "epochs": 1, "seed": 1},
        "evaluate": {"bootstrap": 100, "perturbed": 10},
        "explain": {"faces": 3},
        "score": {"archives": {"faulty": {"source": str(dumps.faulty())}}},
    }


@pytest.fixture(scope="module")
def workspace(params: dict[str, Any], new_workspace: Callable[[dict[str, Any]], Workspace]) -> Workspace:
    """A workspace after its first `dvc repro`."""
    made = new_workspace(params)
    assert sorted(made.repro()) == sorted(STAGES)
    return made


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix in {".parquet", ".h5", ".json"})
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def parts(folder: Path) -> dict[str, str]:
    """Return the digests of a scoring's parts; the notes beside them say when they were made."""
    return {name: digest for name, digest in digests(folder).items() if "/part-" in name}


def test_inputs_are_the_sum_of_statuses_for_every_source(workspace: Workspace) -> None:
    expected = {"ffhq": 120, "dfdc": 81, "omi": 12}
    for name, inputs in expected.items():
        metrics = json.loads((workspace / f"reports/crop/{name}.json").read_text())
        images = pd.read_parquet(workspace / f"data/faces/{name}/images.parquet")
        assert metrics["inputs"] == inputs == sum(metrics["status"].values()) == len(images)
        assert images["status"].value_counts().to_dict() == metrics["status"]
    assert json.loads((workspace / "reports/crop/dfdc.json").read_text())["status"]["metadata"] == 1


def test_no_group_stands_on_two_sides_and_test_only_data_only_on_one(workspace: Workspace) -> None:
    sides = [pd.read_parquet(workspace / f"data/manifests/{side}.parquet") for side in ("train", "valid", "test")]
    rows = pd.concat(sides)
    assert (rows.groupby("group")["split"].nunique() == 1).all()
    assert rows["face_id"].is_unique
    assert set(rows.loc[rows["dataset"] == "omi", "split"]) == {"test"}
    videos = rows[rows["dataset"] == "dfdc"].groupby("group")["label"].nunique()
    assert (videos == 2).any(), "both images of a video are in one group"


def test_each_fault_has_its_status_and_the_other_images_are_scored(workspace: Workspace) -> None:
    part = next((workspace / "data/scores").rglob("part-*.parquet"))
    assert part.parent.name.startswith("archive=faulty-")
    assert part.parent.parent.name.startswith("model=")
    table = pq.ParquetFile(part).read()
    assert table.schema.remove_metadata().equals(SCORE_FILE)
    rows = {row["member"]: row for row in table.to_pylist()}
    statuses = {name: row["status"] for name, row in rows.items()}
    assert statuses == {
        "good/1.jpg": "ok",
        "empty.jpg": "empty_file",
        "text.jpg": "not_an_image",
        "half.jpg": "truncated",
        "huge.png": "too_large",
        "../outside.jpg": "unsafe_path",
        "good/2.jpg": "ok",
        "good/3.jpg": "ok",
    }
    assert all(row["error"] and row["p_fake"] is None for row in rows.values() if row["status"] != "ok")
    card = json.loads((workspace / "data/model/card.json").read_text())
    for row in rows.values():
        assert row["model_id"] == card["model_id"]
        if row["status"] == "ok":
            assert row["is_fake"] == (row["p_fake"] >= card["threshold"])


def test_the_scores_are_a_hive_partitioned_data_set(workspace: Workspace) -> None:
    frame = pd.read_parquet(workspace / "data/scores")
    assert len(frame) >= 8
    assert set(frame["model"]) == set(frame["model_id"])
    assert [name.split("-")[0] for name in frame["archive"].unique()] == ["faulty"]


def test_the_report_says_what_the_stages_counted(workspace: Workspace) -> None:
    page = (workspace / "reports/index.html").read_text()
    assert all(name in page for name in ("ffhq", "dfdc", "omi", "faulty", "unsafe_path"))


@pytest.mark.parametrize("report", ["crop/ffhq", "split", "train", "evaluate", "score"])
def test_reports_are_as_their_schemas_say_and_hold_no_times(workspace: Workspace, project: Path, report: str) -> None:
    content = json.loads((workspace / f"reports/{report}.json").read_text())
    schema = json.loads((project / f"docs/reference/schemas/{report.split('/')[0]}.json").read_text())
    jsonschema.validate(content, schema)
    assert '"seconds"' not in json.dumps(content)
    assert json.loads((workspace / f"reports/timings/{report}.json").read_text())


def test_the_headline_and_the_report_s_place_stand_on_prefect_s_pages(workspace: Workspace) -> None:
    code = (
        "import json; from prefect.client.orchestration import get_client\n"
        "with get_client(sync_client=True) as client:\n"
        "    print(json.dumps([[each.key, each.data] for each in client.read_artifacts()]))\n"
    )
    found = dict(json.loads(workspace.run("python", "-P", "-c", code).stdout))
    assert "Trained on" in found["headline"]
    assert "Trivial baseline" in found["headline"]
    assert str(workspace / "reports/index.html") in found["report"]
    assert found["sheet"].startswith("data:image/jpeg;base64,")
    assert len(base64.b64decode(found["sheet"].partition(",")[2])) > 2000


def test_a_scored_crop_is_the_crop_that_was_trained_on(workspace: Workspace, dumps: Dumps) -> None:
    """Score the training dump: its faces get the same score as their stored crops."""
    workspace.run("fauxface", "score", str(dumps.omi(12)), "--out", "scored")
    scores = pd.read_parquet(workspace / "scored").set_index("image_id")
    from tasks.evaluation.frames import scored_rows
    from tasks.scoring.classifier import Classifier

    classifier = Classifier.load(workspace / "data/model", 2)
    stored = scored_rows(workspace / "data/manifests/test.parquet", workspace / "data/faces", classifier, 2)
    stored = stored[stored["dataset"] == "omi"]
    assert len(stored) >= 10
    for face_id, p_fake in zip(stored["face_id"], stored["p_fake"], strict=True):
        image_id, index = face_id.split("#")
        found = scores.loc[[image_id]].query(f"face_index == {index}")["p_fake"].iloc[0]
        assert found == pytest.approx(p_fake, abs=1e-6)


@pytest.mark.slow  # test_scale has the same on a smaller dump
def test_killed_scorings_go_on_and_end_as_an_unbroken_one(
    workspace: Workspace, params: dict[str, Any], dumps: Dumps
) -> None:
    small = {**params, "score": {"archives": {}, "shard": 4}}
    (workspace / "small.yaml").write_text(yaml.safe_dump(small))
    words = ["fauxface", "score", str(dumps.omi(60)), "--params", "small.yaml", "--out"]
    workspace.run(*words, "unbroken")
    kept: dict[Path, int] = {}
    for target in (3, 8):
        running = workspace.start(*words, "killed")
        wait_for_files(workspace / "killed", "part-*", target, running)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert all(path.stat().st_mtime_ns == written for path, written in kept.items()), "a part was scored twice"
        kept = {path: path.stat().st_mtime_ns for path in (workspace / "killed").rglob("part-*")}
    workspace.run(*words, "killed")
    assert parts(workspace / "killed") == parts(workspace / "unbroken")
    assert not list(workspace.folder.rglob(".tmp-*"))
    assert len(pd.read_parquet(workspace / "killed")["member"].unique()) == 60


def test_a_model_that_was_tampered_with_is_refused(workspace: Workspace, dumps: Dumps) -> None:
    shutil.copytree(workspace / "data/model", workspace / "tampered")
    card = json.loads((workspace / "tampered/card.json").read_text())
    (workspace / "tampered/card.json").write_text(json.dumps({**card, "threshold": 0.01}))
    done = workspace.run("fauxface", "score", str(dumps.omi(12)), "--model", "tampered", check=False)
    assert done.returncode == 1
    assert "threshold" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_repro_does_nothing_and_a_change_reruns_what_depends_on_it(
    workspace: Workspace, params: dict[str, Any]
) -> None:
    workspace.write_params(params)
    assert workspace.repro() == []
    workspace.write_params({**params, "evaluate": {"bootstrap": 120, "perturbed": 10}})
    assert workspace.repro() == ["evaluate", "report"]


@pytest.mark.slow  # two minutes: it trains twice
def test_a_new_source_is_cropped_alone_and_another_crop_changes_all(
    workspace: Workspace, params: dict[str, Any], dumps: Dumps
) -> None:
    more = {**params["datasets"], "omi_more": {**params["datasets"]["omi"], "source": str(dumps.omi(6))}}
    workspace.write_params({**params, "datasets": more, "evaluate": {"bootstrap": 120, "perturbed": 10}})
    ran = workspace.repro()
    assert [stage for stage in ran if stage.startswith("crop@")] == ["crop@omi_more"]

    workspace.write_params({**params, "crop": {**params["crop"], "margin": 0.3}})
    ran = workspace.repro()
    assert {"crop@ffhq", "crop@dfdc", "crop@omi", "split", "train", "evaluate", "explain", "score", "report"} >= set(
        ran
    )
    assert {"crop@ffhq", "crop@dfdc", "crop@omi", "train", "evaluate", "score", "report"} <= set(ran)


@pytest.mark.slow  # two minutes; equal trainings are held equal in tests/training
def test_the_same_seed_gives_the_same_bytes(
    workspace: Workspace, params: dict[str, Any], new_workspace: Callable[[dict[str, Any]], Workspace]
) -> None:
    workspace.write_params(params)
    workspace.repro()
    again = new_workspace(params)
    again.run("dvc", "repro", "train")
    faces = [f"data/faces/{name}" for name in params["datasets"]]
    for folder in (*faces, "data/manifests", "data/model"):
        assert digests(again / folder) == digests(workspace / folder), folder
