"""Command `sources`: how the recipe does on sources that it is not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.runners import as_task, threads_of
from flows.workspace import FACES, MANIFESTS, REPORTS, SOURCES_STATE
from tasks.params import load_params
from tasks.params.files import write_json
from tasks.training.sources.folds import faces_by_label, family_folds, source_folds
from tasks.training.sources.yardstick import Place, measure_fold, summary


@flow(name="sources")
def sources(params_file: Path, folds: int, by_family: bool) -> dict[str, Any]:
    """Train once a fold without some of the data sets, ask about those, and write reports/sources.json."""
    params = load_params(params_file)
    families = {dataset.name: dataset.family for dataset in params.datasets.values()}
    counts = faces_by_label(MANIFESTS)
    chosen = family_folds(counts, families) if by_family else source_folds(counts, families, folds)
    place = Place(FACES, MANIFESTS, SOURCES_STATE)
    work = as_task(measure_fold, "measure-fold")
    found = [work(fold, place, params, workers=threads_of(params.runner), progress=True) for fold in chosen]
    report = {
        "recipe": params.train.recipe,
        "by": "family" if by_family else "source",
        "families": families,
        "summary": summary(found),
        "folds": found,
    }
    write_json(REPORTS / "sources.json", report)
    return report
