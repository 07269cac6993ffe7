"""Guess the rules of a source that nobody has described: labels, groups, and whether it brings its own split.

A guess is only taken when it fits: every rule is tried on all pictures that were listed, by the code that will label
them (tasks/manifests/labelling.py). What does not fit is said in `problems`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.manifests.labelling import Labeller, Labels
from tasks.manifests.matching import normal
from tasks.params import DatasetParams, FauxfaceError
from tasks.starting.groups import group_rules
from tasks.starting.survey import Survey
from tasks.starting.tables import Header, headers
from tasks.starting.words import LABEL_COLUMNS, meaning, meanings

Rule = dict[str, Any]
# A rule that fits fewer of the pictures is not the one.
_FITS = 0.95
_SIDES = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
_SHOWN = 4


@dataclass
class Guess:
    """The rules of a source as params.yaml has them; `counts` are pictures by label, the unlabelled under None."""

    label: Rule | None
    group: Rule | None
    use: str
    counts: Counter[int | None]
    groups: int = 0
    problems: list[str] = field(default_factory=list)


def guess(found: Survey, said: str | None, use: str) -> Guess:
    """Return the rules for what a survey found; `said` is the label that the user gave to all of it, if one.

    `use` is that of params.yaml: `test`, or `split`, which becomes `given` where the source has all three sides.
    """
    label, problems = _label(found, said)
    fitted = _tried(found, label, None, "split")
    group = next((rule for rule in group_rules(found) if _keeps(found, label, rule, fitted)), None)
    sides = _tried(found, label, group, "given") if use == "split" and _brings_sides(found) else []
    if sides and {each.split_given for each in sides} == {"train", "valid", "test"}:
        use = "given"
    labels = _tried(found, label, group, use)
    counts = Counter(each.label for each in labels)
    groups = len({each.group for each in labels if each.group})
    return Guess(label, group, use, counts, groups, [*problems, *_unlabelled(found, labels), *_against(found, said)])


def _label(found: Survey, said: str | None) -> tuple[Rule | None, list[str]]:
    if said:
        return {"rule": "constant", "value": said}, []
    problems: list[str] = []
    for rule in _label_rules(found):
        labels = _tried(found, rule, None, "split", problems)
        if labels and sum(each.label is not None for each in labels) >= _FITS * len(labels):
            return rule, []
    best = next(_label_rules(found), None)
    return best, problems[:1]


def _label_rules(found: Survey) -> Iterator[Rule]:
    """Yield the label rules that names suggest: of folders, of columns of tables, of annotations, of the source."""
    folders = {part for path in found.folders for part in path.split("/") if part}
    words = meanings(folders)
    if any(words.values()):
        yield _with_words({"rule": "folder"}, words, ("real",), ("fake",))
    for table in headers(found):
        yield from _csv_rules(table)
    yield from _column_rules(found)
    name = normal(found.url).rstrip("/").rpartition("/")[2]
    label = meaning(name.split(".")[0])
    if label is not None:
        yield {"rule": "constant", "value": ("real", "fake")[label]}


def _csv_rules(table: Header) -> Iterator[Rule]:
    for column in table.named(LABEL_COLUMNS):
        rule = table.rule(column, "label")
        yield _with_words(rule, meanings(table.values(column)), ("real",), ("fake",))


def _column_rules(found: Survey) -> Iterator[Rule]:
    said = [picture.annotations for picture in found.pictures if picture.annotations]
    names = {name for each in said for name in each}
    for column in [name for name in LABEL_COLUMNS if name in names]:
        values = {each[column] for each in said if column in each}
        rule: Rule = {"rule": "column", **({} if column == "label" else {"column": column})}
        yield _with_words(rule, meanings(values), ("real",), ("fake",))


def _with_words(rule: Rule, words: dict[int, list[str]], real: Sequence[str], fake: Sequence[str]) -> Rule:
    """Add the words of each label to a rule, where they are not those that it knows by itself."""
    for name, found, known in (("real", words[0], real), ("fake", words[1], fake)):
        if found and [word.casefold() for word in found] != list(known):
            rule[name] = found
    return rule


def _tried(
    found: Survey, label: Rule | None, group: Rule | None, use: str, problems: list[str] | None = None
) -> list[Labels]:
    """Return what the rules say of every picture; nothing where they cannot be used at all, which `problems` tell."""
    settings = {"name": "source", "source": found.url, "use": use, "label": label or {"rule": "folder"}}
    dataset = DatasetParams.model_validate({**settings, **({"group": group} if group else {})})
    # Annotations are known of those that were read, and only these can be asked for them.
    pictures = [picture for picture in found.pictures if picture.annotations or not _by_column(label, group)]
    try:
        labeller = Labeller(dataset, found, pictures)
    except FauxfaceError as error:
        if problems is not None:
            problems.append(str(error).replace("datasets.source.", "").replace("data set source: ", ""))
        return []
    return [labeller.of(picture) for picture in pictures]


def _by_column(*rules: Rule | None) -> bool:
    return any(rule is not None and rule["rule"] == "column" for rule in rules)


def _keeps(found: Survey, label: Rule | None, group: Rule, before: Sequence[Labels]) -> bool:
    """Tell whether a group rule leaves every picture its label."""
    after = _tried(found, label, group, "split")
    return bool(after) and sum(e.label is None for e in after) <= sum(e.label is None for e in before)


def _brings_sides(found: Survey) -> bool:
    return any(part.casefold() in _SIDES for path in found.folders for part in path.split("/"))


def _unlabelled(found: Survey, labels: Sequence[Labels]) -> Iterator[str]:
    without = sum(each.label is None for each in labels)
    if not labels or without == len(labels):
        folders = ", ".join(f"{name or '.'}" for name, _ in found.folders.most_common(_SHOWN))
        yield f"nothing tells photographs from fakes here (folders: {folders})"
    elif without:
        reason = Counter(each.reason for each in labels if each.label is None).most_common(1)[0][0]
        yield f"{without:,} of {len(labels):,} pictures have no label and would be left out: {reason}"


def _against(found: Survey, said: str | None) -> Iterator[str]:
    """Say where a folder's name speaks against what the user said of the whole source."""
    if said is None:
        return
    other = {"real": 1, "fake": 0}[said]
    against = {name: count for name, count in found.folders.items() if meaning(name.rpartition("/")[2]) == other}
    if against:
        named = ", ".join(f"{name} ({count:,})" for name, count in sorted(against.items())[:_SHOWN])
        yield f"you said {said}, but folders are called {named}: give the source without --{said} if it holds both"
