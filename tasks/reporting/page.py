"""Put the page together from its templates."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.manifests.source_name import source_name
from tasks.params import Params
from tasks.reporting import curves
from tasks.reporting.archives import Archive, archives
from tasks.reporting.browser import KINDS, browser
from tasks.reporting.checks import checks
from tasks.reporting.comparisons import comparisons
from tasks.reporting.datasheets import datasheets
from tasks.reporting.failures import Failures, failures
from tasks.reporting.headline import Headline, baseline_note, headline, samples
from tasks.reporting.heat import by_perturbation, heat_places
from tasks.reporting.inputs import Inputs, read_inputs
from tasks.reporting.made import settings
from tasks.reporting.other_detectors import detectors
from tasks.reporting.pairs import pairs
from tasks.reporting.plots import Plot, swatch
from tasks.reporting.report_schemas import LABELS, SPLITS, Counted
from tasks.reporting.text import FILTERS
from tasks.reporting.timing import timings
from tasks.reporting.verdicts import strip
from tasks.reporting.worries import worries
from tasks.sources.status import Status

TEMPLATES = Path(__file__).parent / "templates"
# In the order of a reader's questions: what the model does, on what, what it was made from, what it took.
SECTIONS = {
    "faces": "Faces",
    "sources": "By source",
    "robustness": "Perturbations",
    "archives": "Scored archives",
    "test": "Test",
    "cross": "Held out",
    "detectors": "Other detectors",
    "data": "Data sets",
    "counts": "In and out",
    "split": "Split",
    "training": "Training",
    "comparisons": "Comparisons",
    "made": "Made with",
}


def build_report(reports: Path, data: Path, params: Params) -> str:
    """Return the page as HTML text that refers to no other file; the same inputs give the same text.

    `reports` and `data` are the workspace's folders of those names; nothing is written. What a stage has not made yet
    leaves a sentence in its place. Raises FauxfaceError naming the file when one is damaged.
    """
    inputs = read_inputs(reports, data, params)
    return _environment().get_template("page.html.j2").render(_context(inputs, reports))


def build_timings(reports: Path, data: Path, params: Params) -> str:
    """Return the page of what each stage took, which lies beside the other one; raises FauxfaceError as that does."""
    times = timings(read_inputs(reports, data, params), reports)
    longest = max((each.seconds or 0.0 for each in times), default=0.0)
    return _environment().get_template("timings.html.j2").render(timings=times, longest=longest)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {**FILTERS, "swatch": swatch, "baseline_note": baseline_note, "source_name": source_name}
    environment.globals |= {"splits": SPLITS, "labels": LABELS}
    return environment


def _context(inputs: Inputs, reports: Path) -> dict[str, Any]:
    scored = archives(inputs)
    main = headline(inputs)
    places = strip(inputs.evaluate) if inputs.evaluate else []
    heat = heat_places(inputs.evaluate)
    return {
        "inputs": inputs,
        "headline": main,
        "samples": samples(inputs.params.datasets),
        "checks": checks(inputs, scored),
        "statuses": {"crop": _statuses(inputs.crops.values()), "score": _statuses(each.counts for each in scored)},
        "dataset_failures": _dataset_failures(inputs),
        "archives": scored,
        "comparisons": comparisons(reports),
        "detectors": detectors(inputs, reports),
        "archive_failures": _archive_failures(scored),
        "training_plots": _training_plots(inputs),
        "test_plots": _test_plots(inputs, main),
        "cross_plots": _cross_plots(inputs),
        "places": places,
        "worried": worries(inputs, places, scored),
        "browser": browser(inputs, reports),
        "kinds": KINDS,
        "pairs": pairs(inputs.evaluate),
        "heat": heat,
        "heat_rows": by_perturbation(heat),
        "sheets": datasheets(inputs),
        "settings": settings(inputs.card.recipe) if inputs.card else {},
        "sections": SECTIONS,
        **_script(),
    }


def _script() -> dict[str, str]:
    """Return our one script and the hash by which a browser tells it from any other, which it then does not run."""
    text = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return {"script": Markup(text), "script_hash": f"sha256-{digest}"}  # noqa: S704 (a file of ours)


def _statuses(reports: Iterable[Counted]) -> list[str]:
    """Return the statuses that occur in some report, successes first."""
    found = {status for report in reports for status in report.status}
    known = [str(status) for status in Status]
    return sorted(found, key=lambda status: (known.index(status) if status in known else len(known), status))


def _dataset_failures(inputs: Inputs) -> dict[str, Failures]:
    paths = {name: inputs.data / "faces" / name / "images.parquet" for name in inputs.crops}
    found = {name: failures([path] if path.is_file() else [], "crop") for name, path in paths.items()}
    return {name: each for name, each in found.items() if each.total}


def _archive_failures(scored: Iterable[Archive]) -> dict[str, Failures]:
    return {archive.name: archive.failures for archive in scored if archive.failures.total}


def _training_plots(inputs: Inputs) -> list[Plot]:
    if inputs.history is None or inputs.train is None or inputs.history.empty:
        return []
    return curves.training_plots(inputs.history, inputs.train.best_epoch)


def _test_plots(inputs: Inputs, main: Headline | None) -> list[Plot]:
    """Return ROC, precision-recall, calibration and scores, as far as there are points."""
    if main is None:
        return []
    points, names = inputs.plots, _curve_names(main)
    plots = []
    if "roc" in points and len(points["roc"]):
        plots.append(curves.roc_plot(points["roc"], names))
    if "pr" in points and len(points["pr"]):
        plots.append(curves.precision_recall_plot(points["pr"], names))
    if "calibration" in points and len(points["calibration"]):
        plots.append(curves.calibration_plot(points["calibration"]))
    if "histogram" in points:
        rows = points["histogram"][points["histogram"]["rows"] == main.key]
        plots.append(curves.histogram_plot("scores", f"Scores of {main.name}", rows, main.evaluation.threshold.value))
    return plots


def _curve_names(main: Headline) -> dict[str, str]:
    """Return the sets to draw as {their name in the plots' files: as the page calls them}, each set once."""
    others = [name for name in (*main.evaluation.datasets, *main.evaluation.cross) if name not in main.datasets]
    return {main.key: main.name, **{name: name for name in (*dict(main.parts), *others)}}


def _cross_plots(inputs: Inputs) -> list[Plot]:
    """Return the distribution of scores of each test-only data set."""
    histogram, evaluation = inputs.plots.get("histogram"), inputs.evaluate
    if histogram is None or evaluation is None:
        return []
    sets = [name for name, _ in evaluation.of_training(False)]
    rows = {name: histogram[histogram["rows"] == name] for name in sets[: curves.MAX_CURVES]}
    return [
        curves.histogram_plot(f"scores-{number}", f"Scores of {name}", found, evaluation.threshold.value)
        for number, (name, found) in enumerate(rows.items())
        if len(found)
    ]
