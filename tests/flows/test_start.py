"""A workspace begun with `fauxface init`, added to, checked and run, without an editor."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from flows.start import repeated
from tests.flows.conftest import Workspace
from tests.flows.dumps import Dumps


@pytest.fixture
def empty(tmp_path: Path, environment: dict[str, str], server: str) -> Workspace:
    """A folder without anything, and outside any repository."""
    return Workspace(tmp_path, {**environment, "PREFECT_API_URL": server})


def photos(dump: Path, folder: Path) -> Path:
    """Unpack a dump's pictures into folders for photographs and fakes, as people keep them."""
    with zipfile.ZipFile(dump) as source:
        for number, name in enumerate(source.namelist()):
            kind = "camera" if name.startswith("real/") else "gan"
            target = folder / kind / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read(name))
    return folder


def settings(folder: Path) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((folder / "params.yaml").read_text())
    return found


def stages(folder: Path) -> list[str]:
    return list(yaml.safe_load((folder / "dvc.yaml").read_text())["stages"])


def test_an_option_takes_all_words_up_to_the_next() -> None:
    words = ["w", "--real", "a", "b", "--fake=c", "--score", "d", "--", "--real", "e"]
    assert repeated(words) == ["w", "--real", "a", "--real", "b", "--fake=c", "--score", "d", "--", "--real", "e"]


def test_a_zip_of_both_is_understood_by_its_folders(empty: Workspace, dumps: Dumps) -> None:
    said = empty.run("fauxface", "init", "w", str(dumps.ffhq(40))).stdout
    assert "40 real, 40 fake, by folders: real (real) and fake (fake)" in said
    assert "a face in 20 of 20 looked at" in said
    assert settings(empty / "w")["datasets"] == {
        "ffhq_40": {"source": str(dumps.ffhq(40)), "label": {"rule": "folder"}}
    }
    assert stages(empty / "w") == ["crop", "split", "train", "evaluate", "explain", "report"]
    inside = Workspace(empty / "w", empty.environment)
    checked = inside.run("fauxface", "check", check=False)
    assert "Nothing speaks against `dvc repro`." in checked.stdout, checked.stderr
    assert "8 stages" not in inside.run("fauxface", "status").stdout
    assert inside.run("dvc", "stage", "list").stdout.split()[0] == "crop@ffhq_40"
    assert subprocess.run(["git", "check-ignore", "params.yaml"], cwd=inside.folder, check=False).returncode == 1


def test_folders_of_photographs_and_of_fakes_are_two_data_sets_and_what_is_added_comes_behind(
    empty: Workspace, dumps: Dumps
) -> None:
    photos(dumps.ffhq(2), empty / "photos")
    said = empty.run("fauxface", "init", ".", "--real", "photos/camera", "--fake", "photos/gan", "--test",
                     "photos/camera=real").stdout  # fmt: skip
    assert "note: only 2 real pictures" in said
    found = settings(empty.folder)["datasets"]
    assert found == {
        "camera": {"source": "photos/camera", "label": {"rule": "constant", "value": "real"}},
        "gan": {"source": "photos/gan", "label": {"rule": "constant", "value": "fake"}},
        "camera_2": {"source": "photos/camera", "label": {"rule": "constant", "value": "real"}, "use": "test"},
    }
    text = (empty / "params.yaml").read_text().replace("split: {} ", "split: {seed: 3}  # mine\n#")
    (empty / "params.yaml").write_text(text)
    empty.run("fauxface", "add", "photos/gan", "--score")
    after = (empty / "params.yaml").read_text()
    assert after.startswith(text.rstrip("\n")), "what stood there stays, comments too"
    assert settings(empty.folder)["score"] == {"archives": {"gan": {"source": "photos/gan"}}}
    assert "score" in stages(empty.folder)
    checked = empty.run("fauxface", "check", check=False)
    assert checked.returncode == 1
    assert "no real picture would be in" in checked.stderr
    assert empty.run("fauxface", "init", ".", "photos", check=False).returncode == 1
    assert (empty / "params.yaml").read_text() == after, "a workspace is never begun anew"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["w", "--real", "photos"], "No source holds fake pictures"),
        (["w", "photos", "nowhere.zip"], "nowhere.zip"),
        (["w"], "--score dump.zip"),
    ],
)
def test_what_cannot_become_a_workspace_is_refused_in_words_and_nothing_is_written(
    empty: Workspace, dumps: Dumps, words: list[str], reason: str
) -> None:
    photos(dumps.ffhq(1), empty / "photos")
    done = empty.run("fauxface", "init", *words, check=False)
    assert done.returncode != 0
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert not (empty / "w").exists()


def test_dumps_alone_are_scored_by_the_reference_model(empty: Workspace, dumps: Dumps) -> None:
    empty.run("fauxface", "init", "w", "--score", str(dumps.ffhq(4)))
    inside = Workspace(empty / "w", empty.environment)
    assert stages(inside.folder) == ["archive", "score", "report"]
    assert "Nothing speaks against `dvc repro`." in inside.run("fauxface", "check").stdout
    assert inside.repro() == ["archive@ffhq_4", "score", "report"]
    report = json.loads((inside / "reports/score.json").read_text())
    assert report["archives"]["ffhq_4"]["inputs"] == 8
    assert "reference" in report["notices"][0]
    assert "ffhq_4" in (inside / "reports/index.html").read_text()
    assert "3 of 3 stages are up to date" in inside.run("fauxface", "status").stdout
    refused = inside.run("fauxface", "split", check=False)
    assert refused.returncode == 1
    assert "names no data set" in refused.stderr
    assert inside.repro() == []
