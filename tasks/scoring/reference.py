"""How a user names a scoring: [MODEL/]ARCHIVE[@DATE], or MODEL alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from tasks.params import FauxfaceError
from tasks.scoring.ledger import Scoring

_REFERENCE = re.compile(r"(?:(?P<model>[0-9a-f]{1,12})/)?(?P<archive>[^/@]*)(?:@(?P<date>[0-9T:+-]+))?")
LISTED = 10


def find(scorings: Sequence[Scoring], reference: str) -> list[Scoring]:
    """Return the scorings that `reference` names, the newest first; raises FauxfaceError when there are none.

    MODEL is a model's id or its beginning; ARCHIVE an archive's name, its label <name>-<fingerprint> or the label's
    beginning; DATE the day (2026-11-21) or moment of the scoring, or its beginning. A word alone is an archive where
    there is one of that name, else a model.
    """
    parts = _REFERENCE.fullmatch(unicodedata.normalize("NFC", reference))  # as archives are named
    if parts is None:
        raise FauxfaceError(f"{reference!r} names no scoring: it is written as [MODEL/]ARCHIVE[@DATE], or MODEL alone.")
    model, archive, date = parts["model"] or "", parts["archive"], parts["date"] or ""
    dated = [each for each in scorings if each.model_id.startswith(model) and each.when.startswith(date)]
    found = _of_archive(dated, archive) if archive else dated
    if not found and not model:
        found = [each for each in dated if each.model_id.startswith(archive)]
    if not found:
        raise FauxfaceError(f"no scoring is called {reference!r}; {listed(scorings)}")
    return sorted(found, key=lambda each: each.when, reverse=True)


def find_one(scorings: Sequence[Scoring], reference: str | None) -> Scoring:
    """Return the newest scoring that `reference` names (any, without one), a complete one if there is; FauxfaceError.

    Where the reference fits archives of several names, it says too little: an error that lists them.
    """
    if not scorings:
        raise FauxfaceError("nothing is scored yet. Score an archive with `fauxface score SOURCE`.")
    found = find(scorings, reference) if reference else sorted(scorings, key=lambda each: each.when, reverse=True)
    if reference and len({each.name for each in found}) > 1:
        raise FauxfaceError(f"{reference!r} fits several archives; say which: {_names(found)}.")
    return next((each for each in found if each.complete), found[0])


def find_pair(scorings: Sequence[Scoring], first: str, second: str) -> tuple[Scoring, Scoring]:
    """Return the two complete scorings of one archive that `first` and `second` name; FauxfaceError otherwise.

    Where one of them names a model alone, the archive is the other's; of several scorings the newest counts.
    """
    found = [[each for each in find(scorings, reference) if each.complete] for reference in (first, second)]
    for reference, candidates in zip((first, second), found, strict=True):
        if not candidates:
            raise FauxfaceError(f"{reference!r} is not completely scored; score the archive again to complete it.")
    shared = {each.name for each in found[0]} & {each.name for each in found[1]}
    if not shared:
        raise FauxfaceError(
            f"{first!r} and {second!r} have no archive in common: {_names(found[0])}; {_names(found[1])}"
        )
    if len(shared) > 1:
        raise FauxfaceError(f"{first!r} and {second!r} share several archives; name one, as in {first}/{min(shared)}.")
    one, other = (next(each for each in candidates if each.name in shared) for candidates in found)
    if one == other:
        raise FauxfaceError(f"{first!r} and {second!r} are the same scoring, {one}; {listed(scorings)}")
    return one, other


def listed(scorings: Sequence[Scoring]) -> str:
    """Return a sentence that names the scorings there are."""
    if not scorings:
        return "nothing is scored yet."
    names = ", ".join(str(each) for each in scorings[:LISTED])
    more = f" and {len(scorings) - LISTED} more" if len(scorings) > LISTED else ""
    return f"there are {names}{more} (`fauxface scores list`)."


def _of_archive(scorings: Sequence[Scoring], archive: str) -> list[Scoring]:
    """Return those of the archive with that name, else that label, else a label that begins so."""
    fits: tuple[Callable[[Scoring], bool], ...] = (
        lambda each: each.name == archive,
        lambda each: each.folder.archive == archive,
        lambda each: each.folder.archive.startswith(archive),
    )
    return next((found for fit in fits if (found := [each for each in scorings if fit(each)])), [])


def _names(scorings: Sequence[Scoring]) -> str:
    return ", ".join(sorted({each.name for each in scorings}))
