"""The first screen: what was trained on, what was held out, the worst perturbation and the trivial baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.reporting.evaluation_schemas import EvaluateReport, Line, Measured, Verdicts

KINDS = {
    "trained_on": "Trained on",
    "held_out": "Held out",
    "worst_perturbation": "Worst perturbation",
    "trivial_baseline": "Trivial baseline",
}
_NOTES = {
    "trained_on": "No test face is of a data set that was trained on.",
    "held_out": (
        "Nothing is held out: nobody knows what to expect of faces from elsewhere. Add a data set with `use: test`."
    ),
    "worst_perturbation": "Not measured by this evaluation: run `fauxface evaluate`.",
    "trivial_baseline": "Not measured.",
}


@dataclass(frozen=True)
class Place:
    """One place of the strip: its lines, or a note that says why there is none."""

    kind: str
    title: str
    lines: tuple[Line, ...]
    note: str


def strip(evaluation: EvaluateReport) -> list[Place]:
    """Return the four places in their order; none is ever left out."""
    verdicts = evaluation.headline or _of_older(evaluation)
    return [
        Place(
            kind,
            title,
            tuple(line for line in verdicts.lines if line.kind == kind),
            verdicts.notes.get(kind, _NOTES[kind]),
        )
        for kind, title in KINDS.items()
    ]


def headline_table(evaluation: EvaluateReport) -> str:
    """Return the strip as a table in Markdown."""
    rows = ["| | faces of | accuracy | ROC-AUC | trivial baseline |", "|---|---|---|---|---|"]
    for place in strip(evaluation):
        rows += [_markdown(place.title, line) for line in place.lines]
        rows += [] if place.lines else [f"| {place.title} | {place.note} | | | |"]
    return "\n".join(rows)


def _markdown(title: str, line: Line) -> str:
    figures = (line.accuracy, line.roc_auc, line.baseline.accuracy if line.baseline else None)
    forms = ("{:.1%}", "{:.3f}", "{:.1%}")
    cells = ["" if value is None else form.format(value) for form, value in zip(forms, figures, strict=True)]
    return "| " + " | ".join([title, line.name.replace("|", "\\|"), *cells]) + " |"


def _of_older(evaluation: EvaluateReport) -> Verdicts:
    """Return the strip of an evaluation that has no headline of its own."""
    return Verdicts(lines=list(_lines(evaluation)))


def _lines(evaluation: EvaluateReport) -> Iterator[Line]:
    trained = [name for name, _ in evaluation.of_training(True)]
    if evaluation.in_domain is not None:
        yield _line("trained_on", ", ".join(trained), evaluation.in_domain)
    for name, measured in evaluation.of_training(False):
        yield _line("held_out", name, measured)
    main = evaluation.main
    figures = main.baseline.model_dump(include={"accuracy", "balanced_accuracy", "roc_auc", "intervals"})
    sizes = main.model_dump(include={"n", "n_fake", "n_real", "groups"})
    yield Line(kind="trivial_baseline", name=", ".join(trained) or "all test faces", **figures, **sizes)


def _line(kind: str, name: str, measured: Measured) -> Line:
    figures = measured.model_dump(
        include={"n", "n_fake", "n_real", "groups", "roc_auc", "accuracy", "balanced_accuracy", "baseline"}
    )
    intervals = {**measured.intervals, "hit_rate": measured.intervals.get("accuracy_fake")}
    alarms = None if measured.accuracy_real is None else 1 - measured.accuracy_real
    rates = {"hit_rate": measured.accuracy_fake, "false_alarms": alarms}
    return Line(kind=kind, name=name, intervals=intervals, **rates, **figures)


def all_lines(places: Sequence[Place], kind: str) -> tuple[Line, ...]:
    """Return the lines of one kind."""
    return next(place.lines for place in places if place.kind == kind)
