"""The label, the group and the given split of an image: from its path, its annotations and the data set's rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from tasks.manifests.matching import DoesNotFitError, normal
from tasks.manifests.metadata import Column, Metadata, Readable
from tasks.manifests.words import FAKE, REAL, canonical, column_words, folded, word_labels
from tasks.params import (
    ColumnGroup,
    ColumnLabel,
    ConstantLabel,
    CsvGroup,
    CsvLabel,
    DatasetParams,
    FolderGroup,
    FolderLabel,
    RegexGroup,
)
from tasks.sources.annotations import FILE_KEY

Value = TypeVar("Value", int, str)
_NAMES = {"real": REAL, "fake": FAKE}
# How data sets that bring their own split call its parts.
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}
_FILE_SUFFIXES = (".parquet", ".pq", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2", ".zip")
_SHOWN = 3


class Picture(NamedTuple):
    """One image of a dump: its path in it, and what the container says of it."""

    member: str
    annotations: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Labels:
    """What the rules say of one image; label 1 is fake, 0 real. Where one does not fit: None and the reason."""

    label: int | None
    group: str | None
    split_given: str | None
    reason: str = ""


class Labeller:
    """The rules of one data set, ready to be asked image by image."""

    def __init__(self, dataset: DatasetParams, tables: Readable, pictures: Sequence[Picture]) -> None:
        """Read the CSV files that the rules name, once.

        `pictures` are all images of the dump: which line of a table means which image depends on what others there
        are. Raises FauxfaceError when a file is missing or lacks a column, or a label's words are not known.
        """
        self._metadata = Metadata(dataset.name, tables, [picture.member for picture in pictures])
        self._rule = dataset.label
        self._column = self._metadata.column(dataset.label) if isinstance(dataset.label, CsvLabel) else None
        self._words = _words(dataset, self._column, pictures)
        self._group = _group_rule(dataset, self._metadata)
        self._given = dataset.use == "given"

    @property
    def local_files(self) -> list[Path]:
        """The tables that lie beside the dump, as the rules name them."""
        return self._metadata.local

    def of(self, picture: Picture) -> Labels:
        """Return the labels of an image; never raises."""
        try:
            return Labels(self._label(picture), self._group(picture), _given_split(picture) if self._given else None)
        except DoesNotFitError as problem:
            return Labels(None, None, None, str(problem))

    def listed(self) -> list[str]:
        """Return some of the names that the label rule knows: of a table its paths, else its words."""
        names = self._words if self._column is None else self._column.cells
        return sorted(names)[:_SHOWN]

    def likely_reason(self, unlabelled: Sequence[str]) -> str:
        """Return why a table does not speak of these images, as far as their names tell; empty for other rules."""
        return self._column.likely_reason(unlabelled) if self._column else ""

    def _label(self, picture: Picture) -> int:
        rule = self._rule
        if isinstance(rule, ConstantLabel):
            return _NAMES[rule.value]
        if isinstance(rule, FolderLabel):
            return _one_of([folded(folder) for folder in _folders(picture.member)], self._words, "label", "folder")
        cell, where = _cell(picture, rule.column if isinstance(rule, ColumnLabel) else self._column)
        if canonical(cell) not in self._words:
            known = ", ".join(self._words)
            raise DoesNotFitError(f"no label: {where} says {cell!r}, which is none of {known}")
        return self._words[canonical(cell)]


def _words(dataset: DatasetParams, column: Column | None, pictures: Sequence[Picture]) -> dict[str, int]:
    """Return {word in canonical form: label} of the label rule."""
    rule, where = dataset.label, f"datasets.{dataset.name}"
    if isinstance(rule, ConstantLabel):
        return {}
    if isinstance(rule, FolderLabel):
        return word_labels(f"{where}.label", rule.real, rule.fake, folded)
    if column is not None:
        cells, named = list(column.cells.values()), f"the column {rule.column!r} of {column.file}"
    else:
        cells = [(picture.annotations or {}).get(rule.column, "") for picture in pictures]
        named = f"the column {rule.column!r} of the dump"
    return column_words(where, named, cells, rule.real, rule.fake)


def _cell(picture: Picture, column: Column | str | None, what: str = "label") -> tuple[str, str]:
    """Return the value of a CSV column, or of an annotation by its name, and where it stands."""
    if isinstance(column, Column):
        try:
            return column.cell(picture.member), column.file
        except DoesNotFitError as problem:
            raise DoesNotFitError(f"no {what}: {_naming(str(problem), column.file)}") from None
    found = picture.annotations or {}
    if column not in found:
        known = ", ".join(sorted(found)) or "nothing"
        raise DoesNotFitError(f"no {what}: the dump says nothing of {column!r} beside the image (it says: {known})")
    return found[str(column)].strip(), f"its {column}"


def _naming(problem: str, file: str) -> str:
    return problem if file in problem else f"{file}: {problem}"


def _one_of(found: Sequence[str], words: Mapping[str, Value], what: str, kind: str) -> Value:
    """Return what the one of `found` that is among `words` stands for."""
    meant = {words[name] for name in found if name in words}
    if len(meant) == 1:
        return meant.pop()
    if meant:
        raise DoesNotFitError(f"no {what}: the path names more than one {what}")
    raise DoesNotFitError(f"no {what}: the path has no {kind} named {', '.join(words)}")


def _group_rule(dataset: DatasetParams, metadata: Metadata) -> Callable[[Picture], str | None]:
    rule = dataset.group
    if isinstance(rule, FolderGroup):
        ignored = _folders_without_identity(dataset)
        return lambda picture: _folder_group(picture.member, ignored)
    if isinstance(rule, RegexGroup):
        pattern = re.compile(rule.pattern)
        return lambda picture: _regex_group(picture.member, pattern)
    if isinstance(rule, (CsvGroup, ColumnGroup)):
        column = metadata.column(rule) if isinstance(rule, CsvGroup) else rule.column
        # An empty value says that the image stands alone.
        return lambda picture: _cell(picture, column, "group")[0] or None
    return lambda _picture: None


def _folders_without_identity(dataset: DatasetParams) -> set[str]:
    """Return the folder names that say label or split: `real/ann` and `fake/ann` are one person."""
    ignored = set(_SPLITS) if dataset.use == "given" else set()
    if isinstance(dataset.label, FolderLabel):
        ignored |= {folded(word) for word in (*dataset.label.real, *dataset.label.fake)}
    return ignored


def _folder_group(member: str, ignored: set[str]) -> str:
    folders = [folder for folder in _folders(member) if folded(folder) not in ignored]
    if not folders:
        raise DoesNotFitError("no group: the path has no folder that could name it")
    return "/".join(folders)


def _regex_group(member: str, pattern: re.Pattern[str]) -> str:
    found = pattern.search(member)
    if found is None or not found[1]:
        raise DoesNotFitError(f"no group: the path does not match {pattern.pattern!r}")
    return found[1]


def _given_split(picture: Picture) -> str:
    """Return the split that a folder of the path names, or the file that the image came in: train-00000.parquet."""
    file = (picture.annotations or {}).get(FILE_KEY, "")
    parts = [*_folders(picture.member), *_folders(file), PurePosixPath(normal(file)).name]
    return _one_of([_split_word(part) for part in parts], _SPLITS, "split", "folder or file")


def _split_word(part: str) -> str:
    """Return a folder's name in lower case, of a container's file (train-00000-of-00004.parquet) the first word."""
    name = part.casefold()
    return re.split(r"[-_.]", name, maxsplit=1)[0] if name.endswith(_FILE_SUFFIXES) else name


def _folders(member: str) -> list[str]:
    return [part for part in normal(member).split("/")[:-1] if part]
