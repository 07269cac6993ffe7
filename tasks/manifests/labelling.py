"""The label, the group and the given split of an image, from its path in the dump and the data set's rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tasks.manifests.metadata import Column, Metadata, Readable, normal
from tasks.params import (
    ConstantLabel,
    CsvGroup,
    CsvLabel,
    DatasetParams,
    FauxfaceError,
    FolderGroup,
    FolderLabel,
    RegexGroup,
)

Word = TypeVar("Word", int, str)
REAL, FAKE = 0, 1
_NAMES = {"real": REAL, "fake": FAKE}
# How data sets that bring their own split call its folders.
_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Labels:
    """What the rules say of one image; label 1 is fake, 0 real. Where one does not fit: None and the reason."""

    label: int | None
    group: str | None
    split_given: str | None
    reason: str = ""


class Labeller:
    """The rules of one data set, ready to be asked member by member."""

    def __init__(self, dataset: DatasetParams, source: Readable) -> None:
        """Read the CSV files that the rules name, once; raises FauxfaceError when one is missing or lacks a column."""
        metadata = Metadata(dataset.name, source)
        self._label = _label_rule(dataset, metadata)
        self._group = _group_rule(dataset, metadata)
        self._split = _given_split if dataset.use == "given" else _no_text
        self._files = {normal(rule.file) for rule in (dataset.label, dataset.group) if hasattr(rule, "file")}

    def of(self, member: str) -> Labels:
        """Return the labels of the image at the path `member` of the dump; never raises."""
        try:
            return Labels(self._label(member), self._group(member), self._split(member))
        except _DoesNotFitError as problem:
            return Labels(None, None, None, str(problem))

    def is_metadata(self, member: str) -> bool:
        """Say whether `member` is a CSV that a rule names, and so no image."""
        return normal(member) in self._files


class _DoesNotFitError(Exception):
    """A rule says nothing about a member; the message says why."""


def _label_rule(dataset: DatasetParams, metadata: Metadata) -> Callable[[str], int]:
    rule = dataset.label
    if isinstance(rule, ConstantLabel):
        value = _NAMES[rule.value]
        return lambda _member: value
    words = _label_words(dataset.name, rule)
    if isinstance(rule, FolderLabel):
        return lambda member: _folder_word(member, words, "label")
    column = metadata.column(rule.file, rule.member, rule.column)
    return lambda member: _csv_label(member, column, words)


def _label_words(dataset: str, rule: FolderLabel | CsvLabel) -> dict[str, int]:
    """Return {word in lower case: label}; a word of both labels is an error."""
    words = {word.casefold(): REAL for word in rule.real}
    for word in rule.fake:
        if words.setdefault(word.casefold(), FAKE) != FAKE:
            raise FauxfaceError(f"data set {dataset}: label: {word!r} stands for both real and fake.")
    return words


def _folder_word(member: str, words: Mapping[str, Word], what: str) -> Word:
    """Return what the one folder of `member`'s path that is among `words` stands for."""
    found = {words[folder.casefold()] for folder in _folders(member) if folder.casefold() in words}
    if len(found) == 1:
        return found.pop()
    if found:
        raise _DoesNotFitError(f"no {what}: the path has folders of more than one {what}")
    raise _DoesNotFitError(f"no {what}: the path has no folder named {', '.join(words)}")


def _csv_label(member: str, column: Column, words: Mapping[str, int]) -> int:
    cell = column.get(member)
    if cell is None:
        raise _DoesNotFitError(f"no label: {column.file} does not list it")
    if cell.casefold() not in words:
        raise _DoesNotFitError(f"no label: {column.file} says {cell!r}, which is none of {', '.join(words)}")
    return words[cell.casefold()]


def _group_rule(dataset: DatasetParams, metadata: Metadata) -> Callable[[str], str | None]:
    rule = dataset.group
    if isinstance(rule, FolderGroup):
        ignored = _folders_without_identity(dataset)
        return lambda member: _folder_group(member, ignored)
    if isinstance(rule, RegexGroup):
        pattern = re.compile(rule.pattern)
        return lambda member: _regex_group(member, pattern)
    if isinstance(rule, CsvGroup):
        column = metadata.column(rule.file, rule.member, rule.column)
        return lambda member: _csv_group(member, column)
    return _no_text


def _folders_without_identity(dataset: DatasetParams) -> set[str]:
    """Return the folder names that say label or split: `real/ann` and `fake/ann` are one person."""
    ignored = set(_SPLIT_FOLDERS) if dataset.use == "given" else set()
    if isinstance(dataset.label, FolderLabel):
        ignored |= set(_label_words(dataset.name, dataset.label))
    return ignored


def _folder_group(member: str, ignored: set[str]) -> str:
    folders = [folder for folder in _folders(member) if folder.casefold() not in ignored]
    if not folders:
        raise _DoesNotFitError("no group: the path has no folder that could name it")
    return "/".join(folders)


def _regex_group(member: str, pattern: re.Pattern[str]) -> str:
    found = pattern.search(member)
    if found is None or not found[1]:
        raise _DoesNotFitError(f"no group: the path does not match {pattern.pattern!r}")
    return found[1]


def _csv_group(member: str, column: Column) -> str | None:
    """Return the cell; an empty one says that the image stands alone."""
    cell = column.get(member)
    if cell is None:
        raise _DoesNotFitError(f"no group: {column.file} does not list it")
    return cell or None


def _given_split(member: str) -> str:
    return _folder_word(member, _SPLIT_FOLDERS, "split")


def _no_text(_member: str) -> None:
    return None


def _folders(member: str) -> list[str]:
    return [part for part in normal(member).split("/")[:-1] if part]
