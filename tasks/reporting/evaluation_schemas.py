"""What the page reads of reports/evaluate.json, as frozen models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tasks.reporting.report_schemas import Interval, Shape


class Confusion(Shape):
    """Counts of actual class as predicted class."""

    fake_as_fake: int
    fake_as_real: int
    real_as_fake: int
    real_as_real: int


class Figures(Shape):
    """A figure that the rows cannot give is None; so is an interval."""

    accuracy: float | None
    balanced_accuracy: float | None
    roc_auc: float | None
    intervals: dict[str, Interval]


class Rates(Shape):
    """What one threshold gives: accuracy, the share of reals called fake and that of fakes called fake."""

    accuracy: float
    fpr: float | None
    tpr: float | None


class OperatingPoints(Shape):
    """The rates at both of the model's thresholds."""

    balanced: Rates
    false_alarm: Rates


class Measured(Figures):
    """The model on one set of test rows, and the trivial-feature baseline on the same."""

    n: int
    n_fake: int
    n_real: int
    groups: int
    accuracy_fake: float | None
    accuracy_real: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    brier: float
    ece: float
    confusion: Confusion
    operating_points: OperatingPoints
    reasons: dict[str, str]
    baseline: Figures


class MeasuredDataset(Measured):
    """The test rows of one data set."""

    in_training: bool


class Threshold(Shape):
    """The decision threshold and where it is from."""

    value: float
    chosen_on: str
    by: str
    n: int


class Brief(Shape):
    """The figures of some rows in short; of rows of one class, what needs both is None."""

    n: int
    n_fake: int = 0
    n_real: int = 0
    groups: int = 0
    roc_auc: float | None = None
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    hit_rate: float | None = None
    false_alarms: float | None = None
    intervals: dict[str, Interval] = {}


class Line(Brief):
    """One line of the headline: of faces trained on, held out, perturbed, or the trivial baseline's figures."""

    kind: str
    name: str
    against: str | None = None
    accuracy: float
    baseline: Figures | None = None
    drop: dict[str, Any] | None = None


class Verdicts(Shape):
    """The headline: all lines, and for a kind without any the reason."""

    lines: list[Line]
    notes: dict[str, str] = {}


class Band(Brief):
    """The faces whose fact lies in one band."""

    band: str


class SourceOfClass(Brief):
    """The faces of one class of a data set, against the other class of others."""

    trained_on: bool
    baseline: Figures | None = None


class Against(Shape):
    """The faces of the other class that each source is set against."""

    held_out: bool = False
    n: int = 0
    datasets: dict[str, int] = {}


class SourcesOfClass(Shape):
    """Each source of one class against the same faces of the other."""

    against: Against
    sources: dict[str, SourceOfClass]


class Drop(Shape):
    """By how much the ROC-AUC of the same faces is lower, and the interval of that difference."""

    roc_auc: float | None
    interval: Interval = None


class GridCell(Brief):
    """What a perturbation leaves."""

    name: str
    kind: str = ""
    level: str = ""
    drop: Drop


class GridSet(Shape):
    """The grid of the faces trained on, or of those held out; `clean` is without a perturbation."""

    clean: Brief
    cells: list[GridCell]


class Grid(Shape):
    """The perturbation grid, of at most `each` faces a data set."""

    each: int
    sets: dict[str, GridSet]


class Fact(Shape):
    """What a fact of the file tells alone, and what the trivial baseline loses without it."""

    fact: str
    alone: float
    drop: float | None
    interval: Interval = None


class Pair(Shape):
    """The fakes of one source against the reals of one, by the trivial baseline."""

    fakes: str
    reals: str
    n: int
    roc_auc: float
    interval: Interval = None
    flagged: bool
    facts: list[Fact] = []
    advice: str = ""


class Shortcuts(Shape):
    """The shortcut audit: facts over all test faces, and pairs of sources, the worst first."""

    facts: list[Fact] = []
    pairs: list[Pair] = []
    left_out: int = 0


class EvaluateReport(Shape):
    """reports/evaluate.json."""

    threshold: Threshold
    threshold_false_alarm: Threshold
    overall: Measured
    in_domain: Measured | None
    datasets: dict[str, MeasuredDataset]
    cross: dict[str, Measured]
    headline: Verdicts | None = None
    by_source: dict[str, SourcesOfClass] = {}
    bands: dict[str, dict[str, list[Band]]] = {}
    grid: Grid | None = None
    shortcuts: Shortcuts | None = None

    @property
    def main(self) -> Measured:
        """The set that the headline is about: test faces of the data sets trained on; without any, all test faces."""
        return self.in_domain or self.overall

    def of_training(self, in_training: bool) -> Iterator[tuple[str, MeasuredDataset]]:
        """Yield the data sets that took part in the training, or those that did not."""
        return ((name, figures) for name, figures in self.datasets.items() if figures.in_training == in_training)


class DetectorReport(Shape):
    """reports/detectors/<name>.json: another detector on the faces of the manifest with that hash."""

    detector: str
    threshold: float
    failed: dict[str, int]
    errors: dict[str, int]
    headline: Verdicts
    test_sha256: str | None = None
