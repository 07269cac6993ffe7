"""Which line of a table speaks of which image, when the two write paths differently.

Paths are compared in Unicode's composed form (NFC), with forward slashes. `path`: equal. The others ignore case, and
take a line only where it can mean one image alone: `tail`: one path is the end of the other, as in
`/home/ann/set/real/1.jpg` and `real/1.jpg`; `name`: the base names are equal; `stem`: the base names without their
extensions are. Where several images have that name, `name` and `stem` also ask that one path is the end of the other.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from tasks.params import FauxfaceError

_DRIVE = re.compile(r"[A-Za-z]:/")
LOOSE: tuple[Literal["tail", "name", "stem"], ...] = ("tail", "name", "stem")


class DoesNotFitError(FauxfaceError):
    """A rule says nothing about a member; the message says why."""


def normal(path: str) -> str:
    """Return `path` composed (NFC), with forward slashes, without `./` and doubled slashes: spellings compare equal."""
    return posixpath.normpath(unicodedata.normalize("NFC", path).replace("\\", "/"))


class Matcher:
    """The lines of one table, looked up by the paths of a dump's images in one of the loose ways."""

    def __init__(self, way: str, cells: Mapping[str, str], members: Iterable[str]) -> None:
        """`cells` maps the normal paths of the table to a column's values; `members` are the dump's pictures."""
        self._way = way
        self._tails: dict[str, set[str]] = defaultdict(set)
        self._whole: dict[str, set[str]] = defaultdict(set)
        self._named: dict[str, set[str]] = defaultdict(set)
        self._pictures = Counter(self._written(path) for path in {normal(member) for member in members})
        self._takers = Counter(tail for picture in self._pictures.elements() for tail in _tails(picture))
        for path, cell in cells.items():
            written = self._written(path)
            self._whole[written].add(cell)
            self._named[_base(written)].add(cell)
            # A line speaks of the picture with which it shares most of its path.
            picture = next((tail for tail in _tails(written) if tail in self._pictures), None)
            if picture is not None:
                self._tails[picture].add(cell)

    def cell(self, member: str) -> str | None:
        """Return the value for a picture, None where no line speaks of it; raises DoesNotFitError when several do."""
        picture = self._written(normal(member))
        if self._pictures[picture] > 1:
            raise DoesNotFitError("another image of the dump is called the same")
        found = set(self._tails.get(picture, ()))
        for tail in _tails(picture):
            # A line that names less than the picture's whole path must not be the end of another picture's as well.
            if tail in self._whole and (tail == picture or self._takers[tail] == 1):
                found |= self._whole[tail]
        if not found and self._way != "tail":
            found = self._by_name(_base(picture))
        if len(found) > 1:
            raise DoesNotFitError(f"several lines may mean it, and they say {', '.join(sorted(found))}")
        return found.pop() if found else None

    def _by_name(self, base: str) -> set[str]:
        found = self._named.get(base, set())
        if found and self._takers[base] > 1:
            raise DoesNotFitError(f"several images of the dump are called {base}, so it cannot tell which is meant")
        return set(found)

    def _written(self, path: str) -> str:
        folded = path.casefold()
        return posixpath.splitext(folded)[0] if self._way == "stem" else folded


def likely_reason(cells: Mapping[str, str], unlisted: Sequence[str], members: Sequence[str]) -> str:
    """Return why a table does not list the images `unlisted`, and the setting that helps; empty when nobody knows."""
    if not unlisted or not cells:
        return "" if cells else "the table has no line"
    counts = {way: _matched(Matcher(way, cells, members), unlisted) for way in LOOSE}
    best = max(LOOSE, key=lambda way: counts[way])
    if not counts[best]:
        return ""
    said = f"{counts[best]} of these {len(unlisted)} are found with `match: {best}` in the rule"
    return f"{_difference(best, cells, unlisted)}; {said}"


def _difference(way: str, cells: Mapping[str, str], unlisted: Sequence[str]) -> str:
    if way == "stem":
        return "the table's names have another extension, or none"
    if way == "name":
        return "only the base names agree, the folders do not"
    listed = {path.casefold() for path in cells}
    if any(normal(member).casefold() in listed for member in unlisted):
        return "the table's names differ in upper and lower case"
    if any(path.startswith("/") or _DRIVE.match(path) for path in cells):
        return "the table lists absolute paths"
    return "the paths begin at different folders"


def _matched(matcher: Matcher, unlisted: Sequence[str]) -> int:
    return sum(_finds(matcher, member) for member in unlisted)


def _finds(matcher: Matcher, member: str) -> bool:
    try:
        return matcher.cell(member) is not None
    except DoesNotFitError:
        return False


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _tails(path: str) -> Iterator[str]:
    """Yield the path and what is left of it behind each slash."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path
