"""params.yaml of a new workspace as text: what the user said, each with a line of comment, and nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tasks.params import FauxfaceError, Params
from tasks.params.load import parse_params
from tasks.params.plain_yaml import read_yaml

_HEAD = """# The settings of this workspace. What is not here has its default; an unknown key is an error.
# After a change: `fauxface check`, then `dvc repro`, which runs what the change touches.
"""
_DATASETS = """
# What the model learns from and is tested on: `use: test` is never trained on.
datasets:
"""
_SCORE = """
# What the model scores: the one in data/model, or without one the reference model of the package.
score:
  archives:
"""
# DVC watches a section only where it stands here, so that an empty one is more than none.
_REST = """
# Empty: all as by default. Put keys between the braces, as in train: {recipe: tuned, seed: 2}.
crop: {}      # how faces are found and cut out
split: {}     # shares of valid and test
train: {}     # the recipe and its figures
evaluate: {}  # resamplings behind the intervals
explain: {}   # which faces the evidence is drawn of
"""


@dataclass(frozen=True)
class Entry:
    """A data set or an archive as it is to stand in params.yaml; `remark` is its comment."""

    name: str
    source: str
    remark: str
    label: dict[str, Any] | None = None
    group: dict[str, Any] | None = None
    use: str = "split"

    def settings(self) -> dict[str, Any]:
        """Return its settings without those that are as by default."""
        given = {"label": self.label, "group": self.group, "use": None if self.use == "split" else self.use}
        return {"source": self.source, **{key: value for key, value in given.items() if value is not None}}

    def lines(self, indent: str = "  ") -> str:
        """Return its lines of YAML, the comment behind its name."""
        head = f"{indent}{_in_line(self.name)}:  # {_one_line(self.remark)}\n"
        return head + "".join(f"{indent}  {key}: {_in_line(value)}\n" for key, value in self.settings().items())


def settings_text(datasets: Sequence[Entry], archives: Sequence[Entry]) -> str:
    """Return params.yaml for these data sets and archives; raises FauxfaceError for what no workspace can be."""
    text = _HEAD
    if datasets:
        text += _DATASETS + "".join(entry.lines() for entry in datasets)
    if archives:
        text += _SCORE + "".join(entry.lines("    ") for entry in archives)
    return _checked(text + (_REST if datasets else ""))


def with_entries(text: str, datasets: Sequence[Entry], archives: Sequence[Entry], where: str) -> str:
    """Return the text of a params.yaml with further entries, every other line as it was.

    Raises FauxfaceError, which shows the lines to add, where the text has no place that they fit in.
    """
    if datasets and "datasets" not in (yaml.safe_load(text) or {}):
        text = text.rstrip("\n") + "\n" + _DATASETS + "".join(entry.lines() for entry in datasets) + _REST
    elif datasets:
        text = _inserted(text, ("datasets",), datasets, "  ", where)
    if archives:
        text = _with_archives(text, archives, where)
    return _checked(text)


def _with_archives(text: str, archives: Sequence[Entry], where: str) -> str:
    score = (yaml.safe_load(text) or {}).get("score", {})
    if "score" not in (yaml.safe_load(text) or {}):
        return text.rstrip("\n") + "\n" + _SCORE + "".join(entry.lines("    ") for entry in archives)
    if not (score or {}).get("archives"):
        raise _no_place(where, "archives", "under `score`", archives)
    return _inserted(text, ("score", "archives"), archives, "    ", where)


def _inserted(text: str, keys: Sequence[str], entries: Sequence[Entry], indent: str, where: str) -> str:
    """Insert entries behind the last one of the block mapping at `keys`."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for key in keys:
        node = next((value for name, value in node.value if name.value == key), None)
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        raise _no_place(where, keys[-1], "as a block", entries)
    indent = " " * node.value[0][0].start_mark.column or indent
    last = node.value[-1][1]
    # A block's end mark lies behind the comments and empty lines that follow it: go to its last line of content.
    line = _last_line(last) + 1
    lines = text.splitlines(keepends=True)
    before = "".join(lines[:line])
    before += "" if before.endswith("\n") else "\n"
    return before + "".join(entry.lines(indent) for entry in entries) + "".join(lines[line:])


def _last_line(node: yaml.Node) -> int:
    """Return the number of the last line that a node's content stands on."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _last_line(node.value[-1])
    mark = node.end_mark
    return int(mark.line - 1 if mark.column == 0 and mark.line > node.start_mark.line else mark.line)


def _no_place(where: str, key: str, how: str, entries: Sequence[Entry]) -> FauxfaceError:
    lines = "".join(entry.lines("    ") for entry in entries)
    return FauxfaceError(f"{where}: has no `{key}:` {how}, to which this could be added. Add by hand:\n{lines}")


def _checked(text: str) -> str:
    """Return a text that reads as settings; raises FauxfaceError for one that does not."""
    parse_params(read_yaml(text, "params.yaml"), "params.yaml")
    return text


def params_of(text: str) -> Params:
    """Return the settings that a text gives."""
    return parse_params(read_yaml(text, "params.yaml"), "params.yaml")


def dataset_name(source: str, taken: Iterable[str]) -> str:
    """Return a name for a source, after its file or folder, that params.yaml allows and that is not `taken`."""
    stem = source.rstrip("/").replace("\\", "/").rpartition("/")[2].split(".")[0] or "data"
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = "".join(each if each.isalnum() else "_" for each in plain).strip("_")[:50]
    name = name if name[:1].isalpha() else f"data_{name}".rstrip("_")
    names, number = set(taken), 1
    found = name
    while found in names:
        number += 1
        found = f"{name}_{number}"
    return found


def _in_line(value: Any) -> str:
    """Return a value as YAML in one line."""
    text = yaml.safe_dump([value], default_flow_style=True, sort_keys=False, allow_unicode=True, width=1_000_000)
    return text.strip()[1:-1]


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)
