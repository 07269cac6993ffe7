"""One section of any params.yaml: ours with its mistakes told, another project's where it fits, else the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.params import CropParams, FauxfaceError, ScoreParams
from tasks.params.section import read_section

DEFAULT = CropParams()


def read(folder: Path, text: str) -> tuple[CropParams, str]:
    (folder / "params.yaml").write_text(text)
    return read_section(folder / "params.yaml", "crop", DEFAULT)


@pytest.mark.parametrize(
    "text",
    [
        "datasets: {a: {source: a.zip}}\ncrop: {min_face: 0.3}\n",
        "crop: {min_face: 0.3}\n",
        "prepare: {split: 0.2}\ntrain: {lr: 0.1, n_est: 50}\ncrop: {min_face: 0.3}\n",
        "datasets: [a, b]\nfeaturize: {max: 5}\ncrop: {min_face: 0.3}\n",
    ],
)
def test_a_section_that_fits_counts_whatever_else_the_file_holds(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == (CropParams(min_face=0.3), "")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "text\n", "train: {lr: 0.1}\n", "datasets: {a: {source: x}}\n"])
def test_without_a_section_the_default_counts_without_a_word(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == (DEFAULT, "")
    assert read_section(tmp_path / "gone.yaml", "crop", DEFAULT) == (DEFAULT, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("crop: {top: 3, left: 4}\n", "section `crop` is none of fauxface's (top: "),
        ("prepare: {x: 1}\ncrop: 224\n", "section `crop` is none of fauxface's"),
        ("prepare: {x: 1}\ncrop: {size: 5}\n", "(size: "),
        ("crop: {{ size }}\n", "cannot be read"),
        ("crop: [\n", "cannot be read"),
    ],
)
def test_a_section_that_does_not_fit_is_told_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    found, problem = read(tmp_path, text)
    assert found == DEFAULT
    assert said in problem
    assert problem.startswith(str(tmp_path / "params.yaml"))
    assert "\n" not in problem


def test_a_mistake_in_a_file_of_ours_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FauxfaceError, match="Did you mean 'min_face'"):
        read(tmp_path, "datasets: {a: {source: a.zip}}\ncrop: {min_fase: 0.3}\n")


def test_any_section_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("model: big\nscore: {threshold: false_alarm}\n")
    assert read_section(tmp_path / "p.yaml", "score", ScoreParams()) == (ScoreParams(threshold="false_alarm"), "")
