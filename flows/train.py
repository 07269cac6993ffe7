"""Stage `train`: the recipe's network, trained on the training split, as a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.runners import as_task, threads_of
from flows.workspace import FACES, MANIFESTS, MODEL, REPORTS, TRAIN_STATE
from tasks.params import load_params
from tasks.timings import write_report
from tasks.training.train import train as train_network


@flow(name="train")
def train(params_file: Path) -> dict[str, Any]:
    """Train into data/model/, with the history in reports/train_history.csv and the outcome in reports/train.json."""
    params = load_params(params_file)
    work = as_task(train_network, "train-network")
    result = work(
        MANIFESTS,
        FACES,
        MODEL,
        params.crop,
        params.train,
        TRAIN_STATE,
        REPORTS / "train_history.csv",
        workers=threads_of(params.runner),
        progress=True,
        families={dataset.name: dataset.family for dataset in params.datasets.values() if dataset.family},
    )
    write_report(REPORTS, "train", result.report)
    return result.report
