"""dvc.yaml of a workspace as text: the pipeline without the stages that have nothing to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path, PurePosixPath

from tasks.params import CsvGroup, CsvLabel, Params

# The whole pipeline; the same as the dvc.yaml of the project's own folder.
_ALL = "stages.yaml"
_SAMPLE = "data/raw/sample"
_OF_SCORES = ("data/scores", "reports/score.json")
# What only a workspace with data sets has; without them the packaged model scores.
_LEARNING = {"crop", "split", "train", "evaluate", "explain"}
_REPORTS = ("crop", "split.json", "train.json", "train_history.csv", "evaluate.json", "evaluate", "explain")
_LEARNT = ("data/faces", "data/manifests", "data/model", *(f"reports/{name}" for name in _REPORTS))
_STAGE = re.compile(r"  (\w+):\s*$")
_CSV_NOTE = re.compile(r"    # A CSV file beside a dump.*\n    # - .*\n")


def stages_text(params: Params, folder: Path) -> str:
    """Return dvc.yaml for these settings, for a workspace in `folder`."""
    text = files("tasks.starting").joinpath(_ALL).read_text(encoding="utf-8")
    absent = set()
    sources = [entry.source for entry in (*params.datasets.values(), *params.score.archives.values())]
    if not any(PurePosixPath(source).is_relative_to(_SAMPLE) for source in sources):
        absent.add("sample")
        text = text.replace("; leave out `sample` where nothing uses it", "")
    if not params.score.archives:
        absent |= {"archive", "score"}
        text = _without_lines(text, _OF_SCORES)
    if not params.datasets:
        text = _without_lines(text.partition("\nplots:")[0], _LEARNT)
        absent |= _LEARNING
    return _with_tables(_without(text, absent), tables_beside(params, folder))


def tables_beside(params: Params, folder: Path) -> list[str]:
    """Return the CSV files beside the dumps that label or group rules name, which DVC has to watch."""
    rules = [rule for dataset in params.datasets.values() for rule in (dataset.label, dataset.group)]
    named = [rule.file for rule in rules if isinstance(rule, (CsvLabel, CsvGroup))]
    return [file for file in dict.fromkeys(named) if (folder / file).is_file()]


def _without_lines(text: str, paths: Sequence[str]) -> str:
    """Return the text without the lines of lists that hold one of these paths alone."""
    return "".join(line for line in text.splitlines(True) if line.strip().removeprefix("- ") not in paths)


def _without(text: str, stages: set[str]) -> str:
    """Return the text without these stages."""
    kept, dropping = [], False
    for line in text.splitlines(keepends=True):
        stage = _STAGE.match(line)
        if stage or not line.startswith((" ", "\n")):
            dropping = bool(stage and stage[1] in stages)
        if not dropping:
            kept.append(line)
    return "".join(kept)


def _with_tables(text: str, tables: Sequence[str]) -> str:
    """Put the tables among the dependencies of the split, where a note says that they belong."""
    return _CSV_NOTE.sub(lambda _: "".join(f"    - {_quoted(table)}\n" for table in tables), text)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"
