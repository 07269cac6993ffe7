"""What became of an archive's inputs, in figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks.manifests.parts import Row
from tasks.sources.status import Status

BINS = 20  # of the histogram of p_fake, from 0 to 1
SUCCESSES = (Status.OK, Status.NO_FACE)


@dataclass
class ScoreCounts:
    """Inputs by status; faces, by p_fake in BINS equal bins too; faces and images called fake.

    `verdicts`: faces by answer, an unsure one as `unsure (reason)`; `image_verdicts`: images by answer.
    """

    inputs: int = 0
    faces: int = 0
    fake_faces: int = 0
    fake_images: int = 0
    status: Counter[str] = field(default_factory=Counter)
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    verdicts: Counter[str] = field(default_factory=Counter)
    image_verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> int:
        """Inputs that gave no picture."""
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

    def to_json(self) -> str:
        """Return the counts as a part's footer keeps them."""
        return json.dumps(self.__dict__)

    @classmethod
    def from_json(cls, text: str) -> ScoreCounts:
        """Return the counts that `to_json` wrote, of a former version too, which knew no verdicts."""
        facts = json.loads(text)
        counters = {name: Counter(facts.get(name, {})) for name in ("status", "verdicts", "image_verdicts")}
        return cls(**{**facts, **counters})


def failures(status: dict[str, int]) -> int:
    """Return how many inputs gave no picture, of counts by status."""
    return sum(count for name, count in status.items() if name not in SUCCESSES)


def count_rows(rows: Sequence[Row]) -> ScoreCounts:
    """Count the rows of whole images (schema SCORES), told apart by `index`, for members may share a path."""
    images = {row["index"]: row for row in rows}
    faces = [row for row in rows if row["p_fake"] is not None]
    histogram, _ = np.histogram([row["p_fake"] for row in faces], BINS, (0, 1))
    return ScoreCounts(
        inputs=len(images),
        faces=len(faces),
        fake_faces=sum(row["is_fake"] for row in faces),
        fake_images=sum(bool(row["image_is_fake"]) for row in images.values()),
        status=Counter(row["status"] for row in images.values()),
        histogram=histogram.tolist(),
        verdicts=Counter(_answer(row) for row in faces),
        image_verdicts=Counter(row["image_verdict"] for row in images.values() if row["image_verdict"] is not None),
    )


def _answer(row: Row) -> str:
    reason = row["verdict_reason"]
    return f"{row['verdict']} ({reason})" if reason else str(row["verdict"])
