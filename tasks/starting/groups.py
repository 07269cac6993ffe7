"""Guess which pictures of a source belong together: a column that says so, a folder a person, frames of a video."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.manifests.matching import normal
from tasks.starting.survey import Survey
from tasks.starting.tables import headers
from tasks.starting.words import GROUP_COLUMNS, meaning

# `a_0001.jpg`, `a-12.png`: a name and, behind the last mark, a number.
FRAMES = r"([^/]+)[_-]\d+\.[^./]+$"
_FEWEST = 5  # groups; fewer are rather kinds than persons
_LARGEST = 0.2  # of all pictures in one group; more is no person
_FOLDER_OF_NUMBERS = 100  # pictures; folders called by numbers with more are shelves, as FFHQ's thousands
_SIDES = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}


def group_rules(found: Survey) -> Iterator[dict[str, Any]]:
    """Yield the group rules that fit what is there, the surest first."""
    for table in headers(found):
        for column in table.named(GROUP_COLUMNS):
            if _are_groups([row.get(column, "") for row in table.rows]):
                yield table.rule(column, "group")
    said = [picture.annotations for picture in found.pictures if picture.annotations]
    for column in [name for name in GROUP_COLUMNS if any(name in each for each in said)]:
        if _are_groups([each.get(column, "") for each in said]):
            yield {"rule": "column", **({} if column == "group" else {"column": column})}
    paths = [normal(picture.member) for picture in found.pictures]
    if _are_persons([_identity(path) for path in paths]):
        yield {"rule": "folder"}
    frames = [re.search(FRAMES, path) for path in paths]
    if all(frames) and _are_groups([match[1] for match in frames if match]):
        yield {"rule": "regex", "pattern": FRAMES}


def _identity(path: str) -> str:
    """Return a path's folders but for those that say label or side."""
    folders = path.split("/")[:-1]
    return "/".join(part for part in folders if meaning(part) is None and part.casefold() not in _SIDES)


def _are_groups(values: Sequence[str]) -> bool:
    """Tell whether values name groups: several, of more than one picture on average, none of which is most of all."""
    sizes = Counter(value for value in values if value)
    few = len(sizes) < _FEWEST or sizes.total() < 1.2 * len(sizes)
    return not few and max(sizes.values()) <= max(2, _LARGEST * sizes.total())


def _are_persons(folders: Sequence[str]) -> bool:
    sizes = Counter(folders)
    mean = len(folders) / len(sizes)
    numbers = all(re.fullmatch(r"\d+", name.rpartition("/")[2]) for name in sizes)
    return all(folders) and _are_groups(folders) and not (numbers and mean > _FOLDER_OF_NUMBERS)
