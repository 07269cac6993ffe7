"""What became of an archive's inputs, in figures."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.manifests.parts import Row
from tasks.sources.status import NO_FAILURES, Status

BINS = 20  # of the histogram of p_fake, from 0 to 1
PICTURES = (Status.OK, Status.NO_FACE)  # what could be read
# How a source tells that the disk or the network let it down, not the file: by the name of Python's error.
_FAULT_OF_THE_WORLD = re.compile(r"[A-Za-z]+Error: ")


# Of the inputs with some status the first: its place `index`, its path `member`, and what was wrong with it, `error`.
Example = dict[str, Any]


@dataclass
class ScoreCounts:
    """Inputs by status; faces, by p_fake in BINS equal bins too; faces and images called fake.

    `retryable` are the failed inputs that another try may read; `examples` has an input of each status that failed.
    `verdicts`: faces by answer, an unsure one as `unsure (reason)`; `image_verdicts`: images by answer.
    """

    inputs: int = 0
    faces: int = 0
    fake_faces: int = 0
    fake_images: int = 0
    status: Counter[str] = field(default_factory=Counter)
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    retryable: int = 0
    examples: dict[str, Example] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    image_verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> int:
        """Inputs that failed."""
        return failures(self.status)

    def add(self, other: ScoreCounts) -> None:
        """Add another shard's counts to these."""
        self.inputs += other.inputs
        self.faces += other.faces
        self.fake_faces += other.fake_faces
        self.fake_images += other.fake_images
        self.status.update(other.status)
        self.verdicts.update(other.verdicts)
        self.image_verdicts.update(other.image_verdicts)
        self.histogram = [mine + theirs for mine, theirs in zip(self.histogram, other.histogram, strict=True)]
        self.retryable += other.retryable
        for status, example in other.examples.items():
            self._keep_first(status, example)

    def _keep_first(self, status: str, example: Example) -> None:
        """Keep the example that comes first in the archive, in whatever order the shards were done."""
        self.examples[status] = min(self.examples.get(status, example), example, key=lambda each: each["index"])

    def to_json(self) -> str:
        """Return the counts as a part's footer keeps them."""
        return json.dumps(self.__dict__)

    @classmethod
    def from_json(cls, text: str) -> ScoreCounts:
        """Return the counts that `to_json` wrote."""
        facts = json.loads(text)
        counters = {name: Counter(facts[name]) for name in ("status", "verdicts", "image_verdicts")}
        return cls(**{**facts, **counters})


def failures(status: dict[str, int]) -> int:
    """Return how many inputs failed, of counts by status."""
    return sum(count for name, count in status.items() if name not in NO_FAILURES)


def unread(status: dict[str, int]) -> bool:
    """Tell whether nothing of an archive could be read, of counts by status."""
    return not any(status.get(name) for name in PICTURES)


def count_rows(rows: Sequence[Row]) -> ScoreCounts:
    """Count the rows of whole images (schema SCORES), told apart by `index`, for members may share a path."""
    images = {row["index"]: row for row in rows}
    faces = [row for row in rows if row["p_fake"] is not None]
    histogram, _ = np.histogram([row["p_fake"] for row in faces], BINS, (0, 1))
    failed = [row for row in images.values() if failures({row["status"]: 1})]
    return ScoreCounts(
        inputs=len(images),
        faces=len(faces),
        fake_faces=sum(row["is_fake"] for row in faces),
        fake_images=sum(bool(row["image_is_fake"]) for row in images.values()),
        status=Counter(row["status"] for row in images.values()),
        histogram=histogram.tolist(),
        retryable=sum(_may_be_retried(row) for row in failed),
        examples={row["status"]: _example(row) for row in reversed(failed)},
        verdicts=Counter(_answer(row) for row in faces),
        image_verdicts=Counter(row["image_verdict"] for row in images.values() if row["image_verdict"] is not None),
    )


def _may_be_retried(row: Row) -> bool:
    return row["status"] == Status.UNREADABLE and bool(_FAULT_OF_THE_WORLD.match(row["error"]))


def _example(row: Row) -> Example:
    return {"index": row["index"], "member": row["member"], "error": row["error"]}


def _answer(row: Row) -> str:
    reason = row["verdict_reason"]
    return f"{row['verdict']} ({reason})" if reason else str(row["verdict"])
