"""`fauxface evaluate --detector`: somebody else's detector on the faces that the model was measured on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import flow

from flows.runners import as_task, progress_bar
from flows.workspace import FACES, MANIFESTS, MODEL, REPORTS
from tasks.evaluation.compared import compare_detector
from tasks.evaluation.detectors import open_detector
from tasks.evaluation.evaluate import rounded
from tasks.evaluation.predictions import read_predictions
from tasks.params import load_params
from tasks.params.files import atomic_write, sha256_file, write_json
from tasks.scoring.card import load_card
from tasks.scoring.crops import read_manifest

DETECTORS = REPORTS / "detectors"


@flow(name="detector")
def detector(params_file: Path, file: Path) -> dict[str, Any]:
    """Measure the detector in `file` and write reports/detectors/<name>.json and .parquet; returns the report."""
    params = load_params(params_file).evaluate
    found = open_detector(file)
    test: pd.DataFrame = read_predictions(REPORTS / "evaluate" / "predictions.parquet")
    valid = read_manifest(MANIFESTS / "valid.parquet")
    judged = json.loads((REPORTS / "evaluate.json").read_text(encoding="utf-8"))
    reencode = load_card(MODEL).crop.reencode
    with progress_bar(f"detector {found.name}", None) as bar:
        compare = as_task(compare_detector, "compare-detector")
        trivial = float(judged["threshold_baseline"]["value"])
        compared = compare(found, valid, test, FACES, reencode, trivial, params, bar.update)
    # The page shows it beside the model only as long as the test split is this one.
    report: dict[str, Any] = {**rounded(compared.report), "test_sha256": sha256_file(MANIFESTS / "test.parquet")}
    write_json(DETECTORS / f"{found.name}.json", report)
    with atomic_write(DETECTORS / f"{found.name}.parquet") as temp:
        compared.rows.to_parquet(temp, index=False)
    return report
