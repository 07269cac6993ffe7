"""Scorings that were compared, by the stage `score` or by `fauxface scores compare`."""

from __future__ import annotations

from pathlib import Path

from tasks.reporting.inputs import read_json
from tasks.reporting.report_schemas import Shape

SHOWN = 5


class Side(Shape):
    """One of the two scorings."""

    scoring: str
    model_id: str
    threshold: float
    inputs: int
    faces: int
    fake_images: int
    finished: str
    params: dict[str, str | int]


class Flip(Shape):
    """One image whose verdict changed."""

    member: str
    p_fake_a: float
    p_fake_b: float


class Flips(Shape):
    """Changed verdicts, of the `judged` images that have one in both scorings."""

    judged: int
    to_fake: int
    to_real: int
    rate: float | None
    examples: dict[str, list[Flip]]


class Shift(Shape):
    """How far two samples of p_fake lie apart; None where one of them is empty."""

    n_a: int
    n_b: int
    psi: float | None
    ks: float | None
    ks_p: float | None
    mean_a: float | None
    mean_b: float | None


class Shifts(Shape):
    """Of all images with a verdict, and of the same images alone."""

    overall: Shift
    same_images: Shift


class StatusShift(Shape):
    """One status: inputs and their share in both scorings, and the shift of their p_fake."""

    a: int
    b: int
    share_a: float
    share_b: float
    shift: Shift


class Transition(Shape):
    """Inputs that got another status."""

    a: str
    b: str
    inputs: int


class NoFace(Shape):
    """The fraction of decoded pictures without a face."""

    a: float | None
    b: float | None
    difference: float | None


class Comparison(Shape):
    """reports/compare/<name>/<a>_<b>/compare.json."""

    name: str
    compared: str
    a: Side
    b: Side
    joined: int
    changed_files: int
    flips: Flips
    spearman: float | None
    shift: Shifts
    status: dict[str, StatusShift]
    status_psi: float
    transitions: list[Transition]
    no_face: NoFace
    limits: dict[str, float]
    warnings: list[str]


def comparisons(reports: Path) -> list[Comparison]:
    """Return the newest SHOWN comparisons, the newest first; raises FauxfaceError naming a damaged one."""
    paths = sorted(reports.glob("compare/*/*/compare.json"))
    found = [each for each in (read_json(path, Comparison, "score") for path in paths) if each is not None]
    return sorted(found, key=lambda each: each.compared, reverse=True)[:SHOWN]
