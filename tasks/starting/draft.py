"""A workspace as it is about to be written: each source looked at, named, and described in words."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.params import CropParams, FauxfaceError
from tasks.sources.location import is_local
from tasks.starting.guess import Guess, guess
from tasks.starting.settings_text import Entry, dataset_name
from tasks.starting.survey import Survey, survey

_FEW = 30  # pictures of a label; with fewer a side of the split may well get none
_SHOWN = 3
_NAMES = {0: "real", 1: "fake", None: "without a label"}
_DEFAULT_WORDS = {"real": ["real"], "fake": ["fake"]}


@dataclass(frozen=True)
class Given:
    """A source as the user named it: all of it real or fake, or (None) to be found out; `use` as in params.yaml."""

    url: str
    label: str | None = None
    use: str = "split"


@dataclass
class Draft:
    """Data sets and archives to write, lines that say what was understood, and problems that are to be decided."""

    datasets: list[Entry] = field(default_factory=list)
    archives: list[Entry] = field(default_factory=list)
    counts: Counter[tuple[str, int | None]] = field(default_factory=Counter)
    formats: dict[int, Counter[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add_dataset(self, given: Given, folder: Path, taken: Sequence[str]) -> list[str]:
        """Look at a source and add it; returns what was understood, in lines. Raises FauxfaceError."""
        found = survey(given.url, CropParams())
        rules = guess(found, given.label, given.use)
        if rules.label is None:
            raise FauxfaceError(
                f"{given.url}: {rules.problems[-1]}. Say what it is: `--real {given.url}`, `--fake {given.url}`, or "
                f"{given.url}=real where it is for --test."
            )
        name = dataset_name(given.url, [*taken, *(entry.name for entry in self.datasets)])
        label, group = (_relative(rule, found, folder) for rule in (rules.label, rules.group))
        remark = f"{_contents(found)}, {_faces(found)}"
        entry = Entry(name, _from(folder, given.url), remark, label, group, rules.use)
        self.datasets.append(entry)
        self._count(found, rules)
        self.problems += [f"{name}: {problem}" for problem in rules.problems]
        return list(_dataset_lines(entry, found, rules, given.label))

    def add_archive(self, url: str, folder: Path, taken: Sequence[str]) -> list[str]:
        """Look at a dump to score and add it; returns what was found, in lines. Raises FauxfaceError."""
        found = survey(url, CropParams())
        name = dataset_name(url, [*taken, *(entry.name for entry in self.archives)])
        entry = Entry(name, _from(folder, url), f"{_contents(found)}, {_faces(found)}")
        self.archives.append(entry)
        return [f"{name}: {entry.source}", f"  {_contents(found)}; {_faces(found)}", "  to be scored"]

    def missing(self) -> list[str]:
        """Return the labels of which no data set to train on has a picture."""
        known = {label for (use, label), count in self.counts.items() if use != "test" and count}
        undecided = any(entry.label and entry.use != "test" for entry in self.datasets) and known <= {None}
        return [] if undecided else [_NAMES[label] for label in (0, 1) if label not in known]

    def remarks(self) -> Iterator[str]:
        """Yield what is odd about all data sets together."""
        totals = {label: sum(n for (use, each), n in self.counts.items() if each == label and use != "test")
                  for label in (0, 1)}  # fmt: skip
        for label, total in totals.items():
            if 0 < total < _FEW:
                yield f"only {total} {_NAMES[label]} pictures: train, valid and test may not all get one"
        kinds = [set(self.formats.get(label, {})) for label in (0, 1)]
        if all(kinds) and not kinds[0] & kinds[1]:
            real, fake = (", ".join(sorted(kind)) for kind in kinds)
            yield (
                f"all reals are {real} and all fakes {fake}: crop.reencode (on by default) hides that; the trivial "
                "features in the report tell how much of it is left"
            )

    def _count(self, found: Survey, rules: Guess) -> None:
        for label, count in rules.counts.items():
            self.counts[rules.use, label] += count
        labels = [label for label in rules.counts if label is not None]
        if len(labels) == 1 and rules.use != "test":
            self.formats.setdefault(labels[0], Counter()).update(found.formats)


def _dataset_lines(entry: Entry, found: Survey, rules: Guess, said: str | None) -> Iterator[str]:
    yield f"{entry.name}: {entry.source}"
    yield f"  {_contents(found)}; {_faces(found)}"
    yield f"  label: {_label_words(rules, said)}"
    yield f"  groups: {_group_words(rules)}"
    if rules.use == "test":
        yield "  use: only tested on"
    if rules.use == "given":
        yield "  use: keeps the train, valid and test sides that its folders or files name"


def _contents(found: Survey) -> str:
    """Say how many pictures there are, of which formats, in which folders."""
    formats = ", ".join(name for name, _ in found.formats.most_common(_SHOWN))
    number = f"{len(found.pictures):,}" if found.whole else _about(found)
    folders = found.folders
    named = ", ".join(f"{name or '.'}/ {count:,}" for name, count in folders.most_common(_SHOWN))
    named = named if len(folders) <= _SHOWN else f"{len(folders):,} folders such as {folders.most_common(1)[0][0]}/"
    inside = f" ({named})" if found.whole and (len(folders) > 1 or "" not in folders) else ""
    return f"{found.kind}, {number} pictures, {formats}{inside}"


def _about(found: Survey) -> str:
    return f"{found.members:,}" if found.members is not None else f"more than {len(found.pictures):,}"


def _faces(found: Survey) -> str:
    return f"a face in {found.faces} of {len(found.looked)} looked at"


def _label_words(rules: Guess, said: str | None) -> str:
    counts = ", ".join(f"{rules.counts[label]:,} {name}" for label, name in _NAMES.items() if rules.counts[label])
    label = rules.label or {}
    if said:
        return f"{counts}, as you said"
    if label["rule"] == "constant":
        return f"{counts}, by the name of the source"
    words: dict[str, Any] = {**_DEFAULT_WORDS, **{key: label[key] for key in ("real", "fake") if key in label}}
    column = f"column {label.get('column', 'label')!r}" + (f" of {label['file']}" if "file" in label else "")
    where = "folders" if label["rule"] == "folder" else column
    named = " and ".join(f"{', '.join(words[key])} ({key})" for key in ("real", "fake"))
    return f"{counts or 'not decided'}, by {where}: {named}"


def _group_words(rules: Guess) -> str:
    if rules.group is None:
        return "none found; near-duplicates stay together in any case"
    rule = rules.group
    by = {
        "folder": "folder, as of one person",
        "csv": f"column {rule.get('column', 'group')!r} of {rule.get('file')}",
        "column": f"column {rule.get('column', 'group')!r}",
        "regex": "name in front of the last number, as of one video",
    }[rule["rule"]]
    return f"{rules.groups:,}, by {by}"


def _relative(rule: dict[str, Any] | None, found: Survey, folder: Path) -> dict[str, Any] | None:
    """Name a table that lies beside the source as the workspace sees it."""
    if rule is None or rule.get("file") not in found.beside:
        return rule
    return {**rule, "file": _from(folder, rule["file"])}


def _from(folder: Path, url: str) -> str:
    """Return a source as it is named in the workspace `folder`: a relative path stays one."""
    if not is_local(url):
        return url
    path = Path(url).expanduser()
    base = folder.absolute()
    if path.is_absolute() and not path.is_relative_to(base):
        return str(path)
    return os.path.relpath(path.absolute(), base)
