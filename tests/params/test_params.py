"""Settings: what is allowed, and errors that name the key, the value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tasks.params import CsvLabel, FauxfaceError, RegexGroup, load_params
from tasks.params.load import parse_params

MINIMAL: dict[str, Any] = {"datasets": {"faces": {"source": "faces.zip"}}}


def error_of(content: object) -> str:
    with pytest.raises(FauxfaceError) as caught:
        parse_params(content, "params.yaml")
    return str(caught.value)


def test_the_projects_own_params_and_dvc_yaml_agree(project: Path) -> None:
    params = load_params(project / "params.yaml")
    stages = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]
    assert set(params.datasets) == {"sample", "sample_other"}
    assert params.datasets["sample_other"].use == "test"
    used = {key.split(".")[0] for stage in stages.values() for key in stage.get("do", stage).get("params", [])}
    assert used <= set(type(params).model_fields)


def test_a_minimal_file_gets_defaults_and_each_entry_its_name() -> None:
    params = parse_params(MINIMAL, "params.yaml")
    assert params.datasets["faces"].name == "faces"
    assert params.datasets["faces"].use == "split"
    assert params.datasets["faces"].encoding is None
    assert params.train.recipe == "default"


def test_a_key_that_is_left_out_means_what_the_projects_own_params_say(project: Path) -> None:
    own, minimal = load_params(project / "params.yaml"), parse_params(MINIMAL, "params.yaml")
    for section in type(own).model_fields.keys() - {"datasets", "score"}:
        assert getattr(minimal, section) == getattr(own, section), section
    assert minimal.score.model_copy(update={"archives": own.score.archives}) == own.score


def test_rules_are_told_apart_by_their_name() -> None:
    entry = {
        "source": "x",
        "label": {"rule": "csv", "file": "m.csv", "real": ["0"], "fake": ["1"]},
        "group": {"rule": "regex", "pattern": "(a)"},
    }
    dataset = parse_params({"datasets": {"x": entry}}, "params.yaml").datasets["x"]
    assert dataset.label == CsvLabel(rule="csv", file="m.csv", real=("0",), fake=("1",))
    assert isinstance(dataset.group, RegexGroup)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"trian": {}}, ["trian: unknown key", "'train'"]),
        ({"crop": {"szie": 1}}, ["crop.szie: unknown key", "'size'", "margin"]),
        ({"crop": {"size": 3}}, ["crop.size", "greater than or equal to 32", "value is 3"]),
        ({"crop": {"size": "big"}}, ["crop.size", "integer", "'big'"]),
        ({"crop": {"keep": "biggest"}}, ["crop.keep", "'largest'", "'biggest'"]),
        ({"crop": {"thresholds": [0.6, 0.7, 1.5]}}, ["crop.thresholds", "between 0 and 1"]),
        ({"crop": {"scale": "nativ"}}, ["crop.scale", "'fit'", "'native'", "'nativ'"]),
        ({"crop": {"scale": "native", "align": True}}, ["crop", "align: true", "scale: native", "set scale: fit"]),
        ({"split": {"valid": 0.6, "test": 0.6}}, ["split", "1.2", "nothing to train on"]),
        ({"score": {"archives": {"x": {}}}}, ["score.archives.x.source", "missing"]),
        ({"score": {"archives": [{"source": "x"}]}}, ["score.archives", "mapping from names"]),
        ({"score": {"archives": {"x": {"source": "x", "encoding": "sjsi"}}}}, ["archives.x.encoding", "try cp932"]),
        ({"score": {"archives": {"x": {"source": "x", "encoding": "base64"}}}}, ["archives.x.encoding", "encoding"]),
        ({"score": {"archives": {"x": {"source": "x", "encoding": "idna"}}}}, ["archives.x.encoding", "encoding"]),
        ({"runner": {"kind": "cluster"}}, ["runner.kind", "'threads'", "'cluster'"]),
    ],
)
def test_an_error_names_key_value_and_what_is_allowed(change: dict[str, Any], expected: list[str]) -> None:
    message = error_of({**MINIMAL, **change})
    assert all(part in message for part in ["params.yaml", *expected]), message


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"source": "x", "lable": {}}, ["datasets.a.lable: unknown key", "'label'"]),
        ({"source": "x", "label": {"rule": "csv"}}, ["datasets.a.label.file", "missing"]),
        ({"source": "x", "label": {"rule": "guess"}}, ["datasets.a.label", "'guess'", "'folder'"]),
        ({"source": "x", "group": {"rule": "regex", "pattern": "a"}}, ["capturing group", "'a'"]),
        ({"source": "x", "group": {"rule": "regex", "pattern": "(a"}}, ["no regular expression"]),
        ({"source": "x", "sha256": "abc"}, ["datasets.a.sha256", "'abc'"]),
        ({}, ["datasets.a.source", "missing"]),
    ],
)
def test_an_error_in_a_data_set_names_it(entry: dict[str, Any], expected: list[str]) -> None:
    message = error_of({"datasets": {"a": entry}})
    assert all(part in message for part in expected), message


@pytest.mark.parametrize("name", ["../up", "a.b", "a/b", "", "-a"])
def test_a_name_that_is_no_safe_folder_name_is_refused(name: str) -> None:
    assert "pattern" in error_of({"datasets": {name: {"source": "x"}}})


@pytest.mark.parametrize("content", [None, [], "text", {}, {"datasets": {}}, {"datasets": []}])
def test_no_settings_or_no_data_sets_is_an_error(content: object) -> None:
    assert "datasets" in error_of(content)


def test_files_that_are_missing_or_no_yaml_are_named(tmp_path: Path) -> None:
    with pytest.raises(FauxfaceError, match="cannot be read"):
        load_params(tmp_path / "none.yaml")
    broken = tmp_path / "params.yaml"
    broken.write_text("a: [1")
    with pytest.raises(FauxfaceError, match="no valid YAML"):
        load_params(broken)
    broken.write_bytes(b"a: \xff")
    with pytest.raises(FauxfaceError, match="UTF-8"):
        load_params(broken)


def test_settings_are_frozen() -> None:
    params = parse_params(MINIMAL, "params.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        params.crop.size = 5  # type: ignore[misc]
