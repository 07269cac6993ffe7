"""Tables beside the dumps that DVC does not watch are refused with the lines to add."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.manifests.watched import require_watched
from tasks.params import FauxfaceError

PARAMS = "datasets: {set: {source: x, label: {rule: csv, file: raw/labels.csv}}}\n"


def check(folder: Path, dvc: str, *files: str) -> None:
    (folder / "dvc.yaml").write_text(dvc)
    (folder / "params.yaml").write_text(PARAMS)
    require_watched([folder / file for file in files], folder / "dvc.yaml", folder / "params.yaml")


def stages(deps: str, command: str = "fauxface split", more: str = "") -> str:
    crop = "  crop:\n    cmd: fauxface crop set\n    deps: [raw/labels.csv]\n"
    return f"stages:\n{crop}  apart:\n    cmd: {command}\n{more}    deps: {deps}\n"


@pytest.mark.parametrize(
    "deps",
    [
        "[data/faces, raw/labels.csv]",
        "[raw]",
        "[./raw/]",
        "['${datasets.set.label.file}']",
        "[{raw/labels.csv: {desc: by hand}}]",
    ],
)
def test_a_watched_table(tmp_path: Path, deps: str) -> None:
    check(tmp_path, stages(deps), "raw/labels.csv")


@pytest.mark.parametrize("deps", ["[data/faces]", "[raw/labels]", "[raw/labels.csv.old]", "['${datasets.set.source}']"])
def test_a_table_that_nobody_watches(tmp_path: Path, deps: str) -> None:
    with pytest.raises(FauxfaceError) as caught:
        check(tmp_path, stages(deps), "raw/labels.csv", "raw/labels.csv")
    message = str(caught.value)
    assert "dvc.yaml: the stage `split` does not depend on" in message
    assert message.endswith(f"    deps:\n    - {tmp_path}/raw/labels.csv"), "named once, as YAML to add"


def test_the_lines_to_add_do_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    dvc = tmp_path / "dvc.yaml"
    dvc.write_text("stages:\n  split:\n    cmd: fauxface split\n")
    with pytest.raises(FauxfaceError) as caught:
        require_watched([Path("raw/labels.csv")], Path("dvc.yaml"), Path("params.yaml"))
    added = str(caught.value).split("Add to the stage:\n")[1]
    assert added == "    deps:\n    - raw/labels.csv"
    dvc.write_text(f"{dvc.read_text()}{added}\n")
    require_watched([Path("raw/labels.csv")], Path("dvc.yaml"), Path("params.yaml"))


def test_all_unwatched_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(FauxfaceError, match=r"- .*one\.csv\n    - .*two\.csv$"):
        check(tmp_path, stages("[raw]"), "one.csv", "raw/labels.csv", "two.csv")


def test_a_command_among_several_and_a_working_directory(tmp_path: Path) -> None:
    check(tmp_path, stages("[raw]", "['echo x', 'fauxface split --params params.yaml']"), "raw/labels.csv")
    check(tmp_path, stages("['../raw']", more="    wdir: sub\n"), "raw/labels.csv")
    with pytest.raises(FauxfaceError):
        check(tmp_path, stages("[raw]", more="    wdir: sub\n"), "raw/labels.csv")


@pytest.mark.parametrize("dvc", ["", "stages: {}", "stages: {x: {cmd: make}}", "vars: [x]", "- 1"])
def test_without_such_a_stage_nothing_is_asked(tmp_path: Path, dvc: str) -> None:
    check(tmp_path, dvc, "raw/labels.csv")


def test_without_a_dvc_file_nothing_is_asked(tmp_path: Path) -> None:
    require_watched([Path("labels.csv")], tmp_path / "dvc.yaml", tmp_path / "params.yaml")
