"""What is scored, by which model, how completely: read from the scorings themselves, so that it cannot go stale."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tasks.scoring.counts import ScoreCounts, failures
from tasks.scoring.naming import same_origin
from tasks.scoring.record import Finished, Started, read_finished, read_started
from tasks.scoring.store import ScoreFolder, ScoreStore


@dataclass(frozen=True)
class Scoring:
    """One archive scored by one model. `record` is None for parts that nobody left a note with; counts are of parts
    that are there.
    """

    folder: ScoreFolder
    record: Started | None
    inputs: int
    faces: int
    fake_images: int
    status: dict[str, int]

    @property
    def complete(self) -> bool:
        """Whether every input of the archive has its row."""
        return isinstance(self.record, Finished)

    @property
    def name(self) -> str:
        """The archive's name, without the fingerprint."""
        return _name_of(self.folder.archive)

    @property
    def model_id(self) -> str:
        """The model's id."""
        return self.folder.model_id

    @property
    def failures(self) -> int:
        """Inputs that failed."""
        return failures(self.status)

    @property
    def when(self) -> str:
        """When it was completed or, unfinished, started (ISO 8601, UTC); empty where nobody knows."""
        if isinstance(self.record, Finished):
            return self.record.finished
        return self.record.started if self.record else ""

    @property
    def percent(self) -> int | None:
        """How much of the archive is scored: 100 for a complete scoring only; None where its size is not known."""
        if self.complete:
            return 100
        expected = self.record.expected if self.record else None
        return None if not expected else min(99, 100 * self.inputs // expected)

    def __str__(self) -> str:
        """Name it as the commands do."""
        return f"{self.model_id}/{self.folder.archive}"

    def facts(self) -> dict[str, Any]:
        """Return everything that is known, as JSON takes it."""
        known = {"complete": self.complete, "percent": self.percent, "when": self.when, "scores": self.folder.url}
        found = {"inputs": self.inputs, "failures": self.failures, "faces": self.faces, "status": self.status}
        record = self.record.model_dump(mode="json") if self.record else {}
        ids = {"name": self.name, "archive": self.folder.archive, "model_id": self.model_id}
        return {**ids, **known, **found, "fake_images": self.fake_images, **record}


def ledger(store: ScoreStore) -> list[Scoring]:
    """Return all scorings below a store's root, by name, the newest first.

    A complete one costs a listing and a small file; of an unfinished one the footers of its parts are read.
    """
    found = [each for each in map(read_scoring, store.scorings()) if each.record or each.folder.parts()]
    newest_first = sorted(found, key=lambda each: each.when, reverse=True)
    return sorted(newest_first, key=lambda each: each.name)


def read_scoring(folder: ScoreFolder) -> Scoring:
    """Return what the notes and parts in `folder` say."""
    done = read_finished(folder)
    if done is not None:
        return Scoring(folder, done, done.inputs, done.faces, done.fake_images, done.status)
    counts = _counts_of_parts(folder)
    status = dict(sorted(counts.status.items()))
    return Scoring(folder, read_started(folder), counts.inputs, counts.faces, counts.fake_images, status)


def last_complete(store: ScoreStore, scoring: Started, this: ScoreFolder) -> Scoring | None:
    """Return the last complete scoring of the same archive before `scoring`, which is that in `this`, or None."""
    found = [read_scoring(folder) for folder in store.scorings() if _is_of(folder, scoring)]
    mine = next((each.when for each in found if each.folder == this), None)
    others = [each for each in found if each.folder != this and (mine is None or each.when <= mine)]
    return max(others, key=lambda each: each.when, default=None)


def _is_of(folder: ScoreFolder, scoring: Started) -> bool:
    done = read_finished(folder)
    return done is not None and same_origin(done, scoring)


def change_of_source(last: Scoring, fingerprint: str, source: str) -> str | None:
    """Return what to tell the user where an archive is no longer what it was at its last scoring."""
    if not isinstance(last.record, Finished) or last.record.fingerprint == fingerprint:
        return None
    known = f"{last.when}: {last.inputs} inputs, fingerprint {last.record.fingerprint[:12]}, now {fingerprint[:12]}"
    if last.record.source != source:
        return f"archive {last.name} is {source} now; at its last scoring it was {last.record.source} ({known})."
    return f"archive {last.name} changed since its last scoring ({known}). Both scorings are kept."


def _name_of(label: str) -> str:
    return re.sub(r"-[0-9a-f]{12}$", "", label)


def _counts_of_parts(folder: ScoreFolder) -> ScoreCounts:
    counts = ScoreCounts()
    for index in folder.parts():
        notes = folder.notes(index) or {}
        try:
            counts.add(ScoreCounts.from_json(notes["counts"]))
        except (KeyError, ValueError, TypeError):
            continue  # a part of another version of fauxface
    return counts
