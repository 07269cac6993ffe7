"""Settings: what is allowed, and errors that name the key, the value and what is allowed."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides  # type: ignore[import-untyped]
from pydantic import ValidationError

from tasks.params import CsvLabel, FauxfaceError, Params, RegexGroup, load_params
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
        ({"score": {"archives": {"x": {"source": "x", "encoding": "utf-16"}}}}, ["archives.x.encoding", "encoding"]),
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
        ({"source": "x", "label": {"real": ["a"]}}, ["datasets.a.label: needs a `rule`", "{rule: folder}"]),
        ({"source": 2024}, ["datasets.a.source", "YAML reads this value as 2024", "put it in quotes"]),
        ({"source": date(2024, 1, 2)}, ["datasets.a.source", "put it in quotes"]),
        (
            {"source": "x", "label": {"rule": "folder", "real": [False]}},
            ["datasets.a.label.real[0]", "unquoted no", "quote it"],
        ),
        ({"source": "x", "label": {"rule": "csv", "file": "m", "fake": [date(2024, 1, 2)]}}, ["fake[0]", "quote it"]),
        ({"source": "x", "label": {"rule": "csv", "file": "m", "match": "nmae"}}, ["match", "'tail'", "'nmae'"]),
        ({"source": "x", "label": {"rule": "column", "colum": "y"}}, ["datasets.a.label.colum: unknown", "'column'"]),
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


def file_error(tmp_path: Path, text: str) -> str:
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FauxfaceError) as caught:
        load_params(file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "name", "lines"),
    [
        ("datasets:\n  a: {source: x}\n  b: {source: y}\n  a: {source: z}\n", "a", (2, 4)),
        ("crop: {size: 64}\ndatasets: {a: {source: x}}\ncrop: {size: 128}\n", "crop", (1, 3)),
        ("datasets:\n  a:\n    source: x\n    label:\n      rule: folder\n      rule: csv\n", "rule", (5, 6)),
        ("datasets: {a: {source: x,\n  source: y}}\n", "source", (1, 2)),
        ("datasets: {a: {source: x}}\n'datasets': {}\n", "datasets", (1, 2)),
        ("datasets: {a: {source: x}, b: [{c: 1,\n c: 2}]}", "c", (1, 2)),
    ],
)
def test_a_name_that_stands_twice_is_an_error_with_both_lines(
    tmp_path: Path, text: str, name: str, lines: tuple[int, int]
) -> None:
    message = file_error(tmp_path, text)
    assert (
        f"params.yaml: the name '{name}' stands twice in one place, in line {lines[0]} and in line {lines[1]}"
        in message
    )


@pytest.mark.parametrize(
    "name", ["no", "On", "yes", "2024", "1e3", "1.5", "0o17", "0x1f", "2024-01-02", "null", "~", "007"]
)
def test_a_name_that_yaml_does_not_read_as_text_is_an_error_with_the_remedy(tmp_path: Path, name: str) -> None:
    message = file_error(tmp_path, f"datasets:\n  a: {{source: x}}\n  {name}: {{source: y}}\n")
    assert f"line 3: YAML does not read the name {name} as text. Put it in quotes: '{name}'." in message


def test_quoted_names_aliases_and_merges_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(
        "datasets:\n  'no': &no {source: x, use: test}\n  '2024': {<<: *no, source: y}\n  e1: *no\n", encoding="utf-8"
    )
    datasets = load_params(file).datasets
    assert {name: (each.source, each.use) for name, each in datasets.items()} == {
        "no": ("x", "test"),
        "2024": ("y", "test"),
        "e1": ("x", "test"),
    }


@pytest.mark.parametrize("text", ["a: 2024-13-45\n", "a: &a [*a]\n", "[" * 5000, "- 1\n", ""])
def test_odd_yaml_is_an_error_in_words(tmp_path: Path, text: str) -> None:
    assert file_error(tmp_path, text).startswith(str(tmp_path / "params.yaml"))


def test_words_may_be_numbers(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("datasets: {a: {source: x, label: {rule: csv, file: m, real: [0], fake: [1.0, '2']}}}")
    label = load_params(file).datasets["a"].label
    assert isinstance(label, CsvLabel)
    assert (label.real, label.fake) == (("0",), ("1.0", "2"))


def test_every_setting_of_a_stage_can_be_overridden_for_one_experiment(project: Path, tmp_path: Path) -> None:
    """`dvc exp run -S` changes only keys that the file has."""
    file = tmp_path / "params.yaml"
    shutil.copy(project / "params.yaml", file)
    own = yaml.safe_load(file.read_text(encoding="utf-8"))
    for section in ("crop", "split", "train", "evaluate", "score"):
        fields = set(Params.model_fields[section].annotation.model_fields)  # type: ignore[union-attr]
        assert set(own[section]) == fields, section
    apply_overrides(file, ["train.epochs=2", "train.learning_rate=1e-3", "crop.second_look=true"])
    params = load_params(file)
    assert (params.train.epochs, params.train.learning_rate, params.crop.second_look) == (2, 0.001, True)
    assert params.datasets == load_params(project / "params.yaml").datasets


def test_cropping_depends_on_no_label_group_or_use(project: Path) -> None:
    crop = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]["crop"]["do"]
    assert crop["params"] == ["crop", "datasets.${key}.source"]
    assert crop["deps"] == ["${item.source}"]


def test_settings_are_frozen() -> None:
    params = parse_params(MINIMAL, "params.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        params.crop.size = 5  # type: ignore[misc]
