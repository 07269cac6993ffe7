"""The rules that give an image its label and its group."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from tasks.params.frozen import Frozen

# How the paths in a table and in the dump are compared (tasks/manifests/matching.py).
Match = Literal["path", "tail", "name", "stem"]


def _word(value: object) -> object:
    """Take a number for its digits; refuse what YAML made of an unquoted word."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError("YAML reads an unquoted no, yes, on, off or date as something else than a word: quote it")
    return value


Word = Annotated[str, BeforeValidator(_word)]
Words = tuple[Word, ...]


class FolderLabel(Frozen):
    """The label is given by a folder in the member's path: `real/a.jpg`, `test/Fake/b.jpg` (case is ignored)."""

    rule: Literal["folder"] = "folder"
    real: Words = ("real",)
    fake: Words = ("fake",)


class ConstantLabel(Frozen):
    """Every image of the data set has the same label."""

    rule: Literal["constant"]
    value: Literal["real", "fake"]


class CsvLabel(Frozen):
    """The label stands in a column of a CSV file, a member of the dump or a file beside it.

    `real` and `fake` are the words of the column; without them, those two words, and nothing else is guessed.
    """

    rule: Literal["csv"]
    file: str
    member: str = "file"
    column: str = "label"
    match: Match = "path"
    real: Words | None = None
    fake: Words | None = None


class ColumnLabel(Frozen):
    """The label stands in a column of the Parquet files, or a field of the sidecar files, that the images come in."""

    rule: Literal["column"]
    column: str = "label"
    real: Words | None = None
    fake: Words | None = None


class NoGroup(Frozen):
    """Images stand alone, but for near-duplicates, which are found in any case."""

    rule: Literal["none"] = "none"


class FolderGroup(Frozen):
    """Images in one folder belong together (LFW: one folder a person)."""

    rule: Literal["folder"]


class RegexGroup(Frozen):
    """The first capturing group of a regular expression, searched in the member's path, names the group."""

    rule: Literal["regex"]
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _has_a_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if groups < 1:
            raise ValueError("needs one capturing group (...) that names the group")
        return pattern


class CsvGroup(Frozen):
    """The group stands in a column of a CSV file, a member of the dump or a file beside it."""

    rule: Literal["csv"]
    file: str
    member: str = "file"
    column: str = "group"
    match: Match = "path"


class ColumnGroup(Frozen):
    """The group stands in a column of the Parquet files, or a field of the sidecar files, that the images come in."""

    rule: Literal["column"]
    column: str = "group"


LabelRule = Annotated[FolderLabel | ConstantLabel | CsvLabel | ColumnLabel, Field(discriminator="rule")]
GroupRule = Annotated[NoGroup | FolderGroup | RegexGroup | CsvGroup | ColumnGroup, Field(discriminator="rule")]
