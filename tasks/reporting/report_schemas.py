"""What the page reads of the other stages' reports, as frozen models; keys that it has no use for are ignored."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

SPLITS = ("train", "valid", "test")
LABELS = ("real", "fake")

Interval = tuple[float, float] | None


class Shape(BaseModel):
    """Base of all shapes: immutable, other keys are ignored, infinities and NaN are refused."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Counted(Shape):
    """Inputs with their statuses, and how long they took."""

    inputs: int
    faces: int
    status: dict[str, int]

    @property
    def adds_up(self) -> bool:
        """Whether every input ended in exactly one status."""
        return self.inputs == sum(self.status.values())


class CropReport(Counted):
    """reports/crop/<dataset>.json."""

    dataset: str


class ArchiveScores(Counted):
    """One archive in reports/score.json."""

    scores: str
    fake_faces: int
    fake_images: int
    verdict: str
    image_verdicts: dict[str, int] = {}


class ScoreReport(Shape):
    """reports/score.json."""

    model_id: str
    threshold: float
    archives: dict[str, ArchiveScores]


class Sides(Shape):
    """Faces by side; `dropped` are in no manifest."""

    train: int
    valid: int
    test: int
    dropped: int


class AllFaces(Sides):
    """The faces that were cropped: on a side, dropped, without a label, or of a picture under both labels."""

    total: int = Field(alias="in")
    unlabelled: int
    contradictory: int

    @property
    def adds_up(self) -> bool:
        """Whether every face ended in exactly one place."""
        return self.total == sum(self.places())

    def places(self) -> tuple[int, ...]:
        """Return the faces of train, valid, test, dropped, without a label, and of contradictory pictures."""
        return self.train, self.valid, self.test, self.dropped, self.unlabelled, self.contradictory


class Stratum(Sides):
    """The faces of one data set and label."""

    faces: int
    clusters: int
    train_share: float
    valid_share: float
    test_share: float


class SplitDataset(Shape):
    """One data set in reports/split.json; a label that it has no faces of is None."""

    use: str
    faces: int
    without_group: int
    unlabelled: int
    contradictory: int
    real: Stratum | None = None
    fake: Stratum | None = None


class Clusters(Shape):
    """What was split as one: faces of one group, one file or near-duplicates."""

    count: int
    of_one_face: int
    largest: int


class NearDuplicates(Shape):
    """Pairs of near-duplicate faces."""

    bits: int
    pairs_within_datasets: int
    pairs_between_datasets: int
    pairs_with_different_labels: int
    by_datasets: list[dict[str, Any]] = []


class Dropped(Shape):
    """Faces that the split left out, and why."""

    dataset: str
    faces: int
    reason: str


class LeakCheck(Shape):
    """What the leak check looked at, and what it found."""

    rows: int
    files: int
    groups: int
    hashes: int
    near_duplicates: str
    leaks: int


class Contradictions(Shape):
    """Pictures that stand under both labels."""

    files_with_both_labels: int = 0
    faces: int = 0
    datasets: dict[str, int] = {}
    examples: list[str] = []


class SplitReport(Shape):
    """reports/split.json."""

    faces: AllFaces
    datasets: dict[str, SplitDataset]
    clusters: Clusters
    near_duplicates: NearDuplicates
    dropped: list[Dropped]
    warnings: list[str]
    notes: list[str]
    contradictions: Contradictions = Contradictions()
    leak_check: LeakCheck
    sha256: dict[str, str]

    def counts(self, split: str, label: str) -> dict[str, int]:
        """Return the faces of a side and label by data set, without those that have none."""
        strata = {name: getattr(dataset, label) for name, dataset in self.datasets.items()}
        return {
            name: getattr(stratum, split) for name, stratum in strata.items() if stratum and getattr(stratum, split)
        }


class TrainReport(Shape):
    """reports/train.json."""

    recipe: str
    model_id: str
    epochs: int
    best_epoch: int
    resumed_after: int
    train_faces: int
    left_out: dict[str, int]
    tells_apart: bool
    nothing_learnt: tuple[str, ...]
    valid_faces: int
    device: str
