"""What a scoring says of itself: a note in its folder from its start, and another, with the counts, at its end."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.scoring.counts import Example, ScoreCounts, failures
from tasks.scoring.store import ScoreFolder

STARTED = "_started.json"  # there while a scoring is unfinished
FINISHED = "_scoring.json"  # there when it is complete

Note = TypeVar("Note", bound="Started")


class Started(BaseModel):
    """A scoring that has begun. `key` stands for what decides its parts; `expected` inputs, None of a stream.

    `source` says where it lies (tasks/scoring/naming.py); `params` decide what a part holds.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())

    key: str
    fingerprint: str
    model_id: str
    archive: str
    name: str
    source: str
    threshold: float
    params: dict[str, Any]
    started: str
    expected: int | None = None


class Finished(Started):
    """A complete scoring: `scored` of its `inputs` were done by the run that completed it, in `seconds`."""

    shards: int
    inputs: int
    status: dict[str, int]
    faces: int
    fake_faces: int
    fake_images: int
    histogram: list[int]
    retryable: int = 0
    examples: dict[str, Example] = Field(default_factory=dict)
    verdicts: dict[str, int] = {}
    image_verdicts: dict[str, int] = {}
    finished: str
    seconds: float
    scored: int
    images_per_second: float | None

    @property
    def failures(self) -> int:
        """Inputs that failed."""
        return failures(self.status)

    def summary(self, url: str) -> dict[str, Any]:
        """Return what reports/score.json says of an archive; `url` is the folder of its scores."""
        shown = (*ScoreCounts.__dataclass_fields__, "finished", "seconds", "images_per_second")
        return {"scores": url, "verdict": self.params["verdict"], **self.model_dump(mode="json", include={*shown})}

    @classmethod
    def of(cls, started: Started, counts: ScoreCounts, shards: int, scored: int, seconds: float) -> Finished:
        """Return the note of a scoring that is complete now; raises RuntimeError where inputs lack a status."""
        if counts.inputs != sum(counts.status.values()):
            raise RuntimeError(
                f"{started.source}: {counts.inputs} inputs, statuses {counts.status}: that does not close"
            )
        return cls(
            **started.model_dump(),
            shards=shards,
            **{name: _plain(value) for name, value in counts.__dict__.items()},
            finished=now(),
            seconds=round(seconds, 2),
            scored=scored,
            images_per_second=round(scored / seconds, 1) if scored else None,
        )


def _plain(value: Any) -> Any:
    """Return counts by name in the order of their names; other values as they are."""
    return dict(sorted(value.items())) if isinstance(value, dict) else value


def begin(folder: ScoreFolder, record: Started) -> Started:
    """Note that a scoring begins in `folder`; returns the note, which keeps the start of the run that it continues.

    Parts with another key (other settings under the same model, a former version of fauxface) go first, so that
    nobody ever reads a mixture.
    """
    known = read_started(folder) or read_finished(folder)
    if known is not None and known.key == record.key:
        record = record.model_copy(update={"started": known.started})
    else:
        folder.remove_json(FINISHED)
        _remove_parts_of_others(folder, record.key)
    folder.write_json(STARTED, record.model_dump(mode="json"))
    folder.remove_json(FINISHED)
    return record


def finish(folder: ScoreFolder, record: Finished) -> None:
    """Note that the scoring in `folder` is complete."""
    folder.write_json(FINISHED, record.model_dump(mode="json"))
    folder.remove_json(STARTED)


def abandon(folder: ScoreFolder) -> None:
    """Remove the parts and notes of a scoring whose source changed under it."""
    for index in folder.parts():
        folder.remove_part(index)
    folder.remove_json(STARTED)


def read_started(folder: ScoreFolder) -> Started | None:
    """Return the note of an unfinished scoring, None where there is none that can be read."""
    return _read(folder, STARTED, Started)


def read_finished(folder: ScoreFolder) -> Finished | None:
    """Return the note of a complete scoring; None where there is none, or where parts have gone since."""
    record = _read(folder, FINISHED, Finished)
    return record if record is not None and len(folder.parts()) == record.shards else None


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def without_secrets(source: str) -> str:
    """Return a path or URL without the user, password and query that a URL may carry."""
    if "://" not in source:
        return source
    return re.sub(r"(://)[^/@]*@", r"\1", source).split("?", 1)[0]


def _remove_parts_of_others(folder: ScoreFolder, key: str) -> None:
    for index in folder.parts():
        notes = folder.notes(index)
        if notes is None or notes.get("key") != key:
            folder.remove_part(index)


def _read(folder: ScoreFolder, name: str, kind: type[Note]) -> Note | None:
    content = folder.read_json(name)
    try:
        return None if content is None else kind.model_validate(content)
    except ValidationError:
        return None
