"""`fauxface score` and `fauxface scores` as a user runs them: recognised, changed, compared, retried, shown."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import pytest

from tasks.scoring.counts import ScoreCounts, count_rows
from tasks.scoring.ledger import Scoring, ledger
from tasks.scoring.record import FINISHED, Finished, read_finished
from tasks.scoring.store import ScoreFolder, ScoreStore
from tests.flows.conftest import Workspace
from tests.flows.dumps import Dumps
from tests.flows.stand_in import STRICT, THRESHOLD, write_stand_in

PARAMS: dict[str, Any] = {"datasets": {"none": {"source": "x"}}, "score": {"shard": 10, "keep": "largest"}}
NewWorkspace = Callable[[dict[str, Any]], Workspace]


@pytest.fixture(scope="module")
def workspace(new_workspace: NewWorkspace, dumps: Dumps) -> Workspace:
    """A workspace with a model and 24 faces in dump.zip, scored once; each test leaves it so."""
    made = new_workspace(PARAMS)
    write_stand_in(made / "data/model")
    shutil.copy(dumps.ffhq(12), made / "dump.zip")
    said = made.run("fauxface", "score", "dump.zip", "--strict")
    assert "dump: 24 inputs = 24 ok; 24 faces" in said.stdout
    assert "WARNING" not in said.stderr, "there is nothing to compare with"
    return made


@pytest.fixture
def copy(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it to change."""
    return Workspace(shutil.copytree(workspace.folder, tmp_path / "copy", symlinks=True), workspace.environment)


def folders(workspace: Workspace) -> list[ScoreFolder]:
    return ScoreStore(str(workspace / "data/scores")).scorings()


def times(workspace: Workspace) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (workspace / "data/scores").rglob("*.parquet")}


def listed(workspace: Workspace) -> list[Scoring]:
    return ledger(ScoreStore(str(workspace / "data/scores")))


def test_a_complete_scoring_is_recognised_and_listed(workspace: Workspace) -> None:
    before = times(workspace)
    again = workspace.run("fauxface", "score", "dump.zip")
    assert times(workspace) == before
    assert "24 inputs" in again.stdout
    assert "WARNING" not in again.stderr
    (entry,) = json.loads(workspace.run("fauxface", "scores", "list", "--json").stdout)
    facts = ("name", "complete", "percent", "inputs", "failures", "source")
    assert [entry[key] for key in facts] == ["dump", True, 100, 24, 0, "dump.zip"]
    line = workspace.run("fauxface", "scores", "list").stdout.splitlines()[1]
    assert line.split()[:4] == [entry["archive"], entry["model_id"], "100", "%"]


def test_two_dumps_of_one_name_are_both_told(copy: Workspace) -> None:
    (copy / "b").mkdir()
    with zipfile.ZipFile(copy / "dump.zip") as dump, zipfile.ZipFile(copy / "b/dump.zip", "w") as fewer:
        for name in dump.namelist()[:5]:
            fewer.writestr(name, dump.read(name))
    said = copy.run("fauxface", "score", "dump.zip", "b/dump.zip").stdout
    assert "dump.zip: 24 inputs" in said
    assert "b/dump.zip: 5 inputs" in said


def test_a_changed_model_flips_as_computed_and_strict_says_so(copy: Workspace) -> None:
    write_stand_in(copy / "darker", middle=100.0)
    done = copy.run("fauxface", "score", "dump.zip", "--model", "darker", "--strict", check=False)
    assert done.returncode == 3
    assert "WARNING" in done.stderr
    frame = pd.read_parquet(copy / "data/scores")
    verdicts = frame.pivot(index="member", columns="model_id", values="image_is_fake")
    flipped = int((verdicts.iloc[:, 0] != verdicts.iloc[:, 1]).sum())
    assert flipped > 1, "or the test is about nothing"
    (comparison,) = (copy / "reports/compare").rglob("compare.json")
    figures = json.loads(comparison.read_text())
    assert figures["flips"]["to_fake"] == flipped
    assert figures["flips"]["to_real"] == 0
    assert len(pd.read_parquet(comparison.with_name("flips.parquet"))) == flipped
    assert [each.complete for each in listed(copy)] == [True, True], "the scores are complete all the same"
    again = copy.run("fauxface", "score", "dump.zip", "--model", "darker", "--strict")
    assert "WARNING" not in again.stderr, "an alarm is raised once"
    second, first = listed(copy)
    said = copy.run("fauxface", "scores", "compare", first.model_id, f"{second.model_id}/dump").stdout
    assert f"of 24 ({100 * flipped / 24:.2f} %)" in said
    copy.run("fauxface", "report")
    page = (copy / "reports/index.html").read_text()
    assert "Verdicts flipped" in page
    assert f'<data value="{flipped}">' in page[page.index('id="comparisons"') :]


def test_the_same_model_on_a_changed_archive_is_told_and_does_not_warn(copy: Workspace, dumps: Dumps) -> None:
    with zipfile.ZipFile(copy / "dump.zip", "a") as dump:
        dump.writestr("text.txt", "one more")
    done = copy.run("fauxface", "score", "dump.zip", "--strict")
    assert "archive dump changed since its last scoring" in done.stderr
    assert "WARNING" not in done.stderr
    assert sorted((each.inputs, each.failures) for each in listed(copy)) == [(24, 0), (25, 1)]


def test_other_settings_leave_no_part_of_the_old_ones(copy: Workspace) -> None:
    other = {**PARAMS["score"], "shard": 20, "verdict": "mean", "threshold": "false_alarm"}
    copy.write_params({**PARAMS, "score": other})
    copy.run("fauxface", "score", "dump.zip")
    (folder,) = folders(copy)
    assert folder.parts() == [0, 1]
    rows = folder.read().to_pylist()
    assert {(row["verdict_rule"], row["threshold_rule"]) for row in rows} == {("mean", "false_alarm")}
    faces = [row for row in rows if row["p_fake"] is not None]
    assert all(row["is_fake"] == (row["p_fake"] >= STRICT) for row in faces)
    assert any(THRESHOLD <= row["p_fake"] < STRICT for row in faces)
    record = read_finished(folder)
    assert record is not None
    assert (record.threshold, record.params["threshold"]) == (STRICT, "false_alarm")
    assert [row["index"] for row in rows] == list(range(24))


def fail(folder: ScoreFolder, part: int, member: str) -> None:
    """Let a complete scoring look as if the disk had hiccuped at one member."""
    rows = folder.read(index=part).to_pylist()
    place = next(place for place, row in enumerate(rows) if row["member"] == member)
    kept = ("archive", "index", "member", "verdict_rule", "threshold_rule", "model_id")
    failed = {**dict.fromkeys(rows[place]), **{key: rows[place][key] for key in kept}, "n_faces": 0}
    rows[place] = {**failed, "status": "unreadable", "error": "OSError: [Errno 5] Input/output error"}
    notes = folder.notes(part)
    record = folder.read_json(FINISHED)
    assert notes is not None
    assert record is not None
    folder.write_part(part, rows, {"key": notes["key"], "counts": count_rows(rows).to_json()})
    counts = ScoreCounts()
    for index in folder.parts():
        counts.add(count_rows(folder.read(index=index).to_pylist()))
    done = Finished.model_validate(record)
    folder.write_json(FINISHED, {**done.model_dump(), "status": dict(counts.status), "inputs": counts.inputs})


def test_retry_failed_touches_the_parts_with_failures_alone(copy: Workspace) -> None:
    (folder,) = folders(copy)
    before = folder.read().to_pylist()
    fail(folder, 1, before[12]["member"])
    written = times(copy)
    said = copy.run("fauxface", "score", "dump.zip", "--retry-failed").stdout
    assert "24 inputs = 24 ok" in said
    changed = {path.name for path, time in times(copy).items() if written.get(path) != time}
    assert changed == {"part-00001.parquet", "_scoring.parquet"}
    assert folder.read().to_pylist() == before
    record = read_finished(folder)
    assert record is not None
    assert (record.failures, record.status) == (0, {"ok": 24})


def test_scores_are_exported_and_shown(workspace: Workspace, tmp_path: Path) -> None:
    words = ["--csv", str(tmp_path / "x.csv"), "--jsonl", str(tmp_path / "x.jsonl")]
    assert "24 rows" in workspace.run("fauxface", "scores", "export", "dump", "--images", *words).stdout
    frame = pd.read_parquet(workspace / "data/scores").sort_values("index")
    exported = pd.read_csv(tmp_path / "x.csv")
    assert exported["member"].tolist() == frame["member"].tolist()
    assert (exported["image_p_fake"].astype("float32") == frame["image_p_fake"].to_numpy()).all()
    assert [json.loads(line)["member"] for line in (tmp_path / "x.jsonl").read_text().splitlines()] == frame[
        "member"
    ].tolist()
    sheet = tmp_path / "sheet.png"
    said = workspace.run("fauxface", "scores", "show", "--top", "3", "--sheet", str(sheet)).stdout.splitlines()
    assert "the 3 most suspicious of 24 faces" in said[0]
    best = frame.sort_values("p_fake", ascending=False)["member"].head(3).tolist()
    assert [line.split()[3] for line in said[2:5]] == best
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.std() > 20


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["export", "dump"], "give --csv FILE or --jsonl FILE"),
        (["export", "pump", "--csv", "x"], "no scoring is called 'pump'; there are "),
        (["compare", "dump", "dump"], "are the same scoring"),
        (["show", "dump", "--sheet", "x.gif"], "let it end in .jpg or .png"),
        (["show", "dump", "--sheet", "x.jpg", "--source", "gone.zip"], "there is no such file"),
        (["show", "--scores", "nowhere"], "nothing is scored yet"),
    ],
)
def test_faults_are_said_in_words(workspace: Workspace, words: list[str], expected: str) -> None:
    done = workspace.run("fauxface", "scores", *words, check=False)
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_source_that_changes_while_it_is_scored_is_refused(copy: Workspace) -> None:
    photos = copy / "photos"
    with zipfile.ZipFile(copy / "dump.zip") as dump:
        dump.extractall(photos)
    copy.write_params({**PARAMS, "score": {"shard": 1}})
    running = copy.start("fauxface", "score", "photos")
    while not list((copy / "data/scores").rglob("archive=photos-*/part-*.parquet")):
        assert running.poll() is None
    (photos / "late.jpg").write_bytes(b"late")
    assert running.wait(timeout=60) == 1
    said = (copy / "start.log").read_text()
    assert "changed while it was scored" in said
    assert "Traceback" not in said
    assert [folder.archive.split("-")[0] for folder in folders(copy) if folder.parts()] == ["dump"]
