"""The settings of the schedules: when each runs, and where new dumps arrive."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from tasks.params.frozen import Frozen

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Name, lowest and highest number, and the names of the numbers from the lowest on.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_ITEM = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


def check_cron(text: str) -> str:
    """Return `text` if it is a cron line of five fields (numbers, names, lists, ranges, steps); raises ValueError."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        raise ValueError(f"a cron line has five fields ({names}), as in '*/15 * * * *' or '0 3 * * mon-fri'")
    for field, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for item in field.split(","):
            _check_item(item, name, low, high, words)
    return text


def _check_item(item: str, name: str, low: int, high: int, words: tuple[str, ...]) -> None:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"{item!r} is no {name} of a cron line; allowed are *, {low}-{high}, lists, ranges and /steps")
    first, last, step = match.groups()
    numbers = [_number(word, name, low, high, words) for word in (first, last) if word is not None]
    if numbers != sorted(numbers):
        raise ValueError(f"the range {item!r} of the {name} runs backwards")
    if step is not None and not 1 <= int(step) <= high:
        raise ValueError(f"the step of {item!r} in the {name} lies between 1 and {high}")
    if step is not None and len(numbers) == 1:
        raise ValueError(f"the step of {item!r} in the {name} needs * or a range before it")


def _number(word: str, name: str, low: int, high: int, words: tuple[str, ...]) -> int:
    known = dict(zip(words, range(low, high + 1), strict=False))
    number = known.get(word.lower(), int(word) if word.isdecimal() else -1)
    if not low <= number <= high:
        named = f" or {words[0]}-{words[-1]}" if words else ""
        raise ValueError(f"{word!r} is no {name}, which is {low}-{high}{named}")
    return number


Cron = Annotated[str, AfterValidator(check_cron)]


class InboxParams(Frozen):
    """Where dumps arrive and when the scheduled run looks there; null: only when it is started by hand."""

    cron: Cron | None = "* * * * *"
    # A folder, or the URL of one that fsspec can list.
    source: str = Field("inbox", min_length=1)
    # Seconds between the two looks that must find a dump unchanged.
    settle: float = Field(10.0, ge=0, le=3600)
    # Score a dump only when a file <dump>.done lies beside it.
    marker: bool = False


class RescoreParams(Frozen):
    """When to look whether the ledger's archives are scored by the current model."""

    cron: Cron | None = "*/10 * * * *"


class RetrainParams(Frozen):
    """When to run `dvc repro`."""

    cron: Cron | None = "0 2 * * *"


class ScheduleParams(Frozen):
    """What `fauxface schedule` serves. Times are UTC."""

    # The folder or URL of the scores.
    out: str = Field("data/scores", min_length=1)
    inbox: InboxParams = InboxParams()
    rescore: RescoreParams = RescoreParams()
    retrain: RetrainParams = RetrainParams()
