"""Stage `explain`: the test faces worth a look, each with the evidence that the model finds in it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow

from flows.artifacts import leave_sheet
from flows.runners import as_task
from flows.workspace import FACES, MODEL, REPORTS
from tasks.evaluation.predictions import read_predictions
from tasks.explanation.explainer import explainer_of
from tasks.explanation.stage import CHOICES, choose, write_explained
from tasks.params import load_params
from tasks.scoring.card import model_named

OUT = REPORTS / "explain"


@flow(name="explain")
def explain(
    params_file: Path,
    kinds: Sequence[str] = tuple(CHOICES),
    method: str | None = None,
    out: Path | None = None,
    model: str | None = None,
    layer: str | None = None,
    most: int | None = None,
    checked: bool = False,
) -> dict[str, Any]:
    """Write sheets, arrays and explain.json of at most `most` test faces of each of `kinds`, keys of CHOICES.

    With all kinds, into reports/explain, each face gets a picture for the page as well. Without `method` and `most`
    the settings count. `checked`: with the checks of whether the maps can be believed. Returns what explain.json says,
    and `out`.
    """
    settings = load_params(params_file).explain
    explainer = explainer_of(model_named(model, MODEL), layer)
    rows = read_predictions(REPORTS / "evaluate" / "predictions.parquet")
    number = settings.faces if most is None else most
    chosen = choose(rows, explainer.card.threshold, kinds, number, FACES)
    whole = len(kinds) == len(CHOICES) and out is None
    folder = out or OUT
    if whole and folder.is_dir():
        shutil.rmtree(folder)  # what stands there is of another model
    wanted = method or (None if settings.method == "best" else settings.method)
    write = as_task(write_explained, "explain-faces")
    report = write(chosen, explainer, wanted, folder, pictures=whole, checked=checked or settings.check)
    if whole:
        leave_sheet(folder, report["kinds"])
    return {**report, "out": str(folder)}
