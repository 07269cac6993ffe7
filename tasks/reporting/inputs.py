"""Read what the stages left: a missing file is None, a damaged one an error that names it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import ValidationError

from tasks.params import FauxfaceError, Params
from tasks.reporting.evaluation_schemas import EvaluateReport
from tasks.reporting.report_schemas import CropReport, ScoreReport, Shape, SplitReport, TrainReport
from tasks.scoring.card import CARD, ModelCard, read_card

AGAIN = "Run the stage that writes it again: `dvc repro --force {}`."
PLOT_COLUMNS = {
    "roc": ("rows", "fpr", "tpr"),
    "pr": ("rows", "recall", "precision"),
    "calibration": ("n", "mean_p_fake", "fake_share"),
    "histogram": ("rows", "p_fake", "real", "fake"),
    "confusion": ("actual", "predicted"),
}
TEXT_COLUMNS = {"rows", "actual", "predicted"}

AnyShape = TypeVar("AnyShape", bound=Shape)


@dataclass(frozen=True)
class Inputs:
    """Everything that the page is made from, but for pixels and scores; what is not there yet is None or absent."""

    data: Path
    params: Params
    crops: dict[str, CropReport]
    split: SplitReport | None
    train: TrainReport | None
    history: pd.DataFrame | None
    evaluate: EvaluateReport | None
    plots: dict[str, pd.DataFrame]
    score: ScoreReport | None
    card: ModelCard | None


def read_inputs(reports: Path, data: Path, params: Params) -> Inputs:
    """Read the reports of the data sets in `params` and of the stages; raises FauxfaceError naming a damaged file."""
    crops = {name: read_json(reports / "crop" / f"{name}.json", CropReport, "crop") for name in params.datasets}
    plots = {
        name: read_csv(reports / "evaluate" / f"{name}.csv", columns, "evaluate")
        for name, columns in PLOT_COLUMNS.items()
    }
    return Inputs(
        data=data,
        params=params,
        crops={name: report for name, report in crops.items() if report is not None},
        split=read_json(reports / "split.json", SplitReport, "split"),
        train=read_json(reports / "train.json", TrainReport, "train"),
        history=read_csv(reports / "train_history.csv", ("epoch", "loss", "val_loss"), "train"),
        evaluate=read_json(reports / "evaluate.json", EvaluateReport, "evaluate"),
        plots={name: frame for name, frame in plots.items() if frame is not None},
        score=read_json(reports / "score.json", ScoreReport, "score"),
        card=read_card(data / "model") if (data / "model" / CARD).is_file() else None,
    )


def read_json(path: Path, shape: type[AnyShape], stage: str) -> AnyShape | None:
    """Return the report at `path`, or None when there is none; raises FauxfaceError when it is damaged."""
    text = _text(path, stage)
    if text is None:
        return None
    try:
        return shape.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise FauxfaceError(f"{path}: is no JSON ({error}). {AGAIN.format(stage)}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "content"
        raise FauxfaceError(f"{path}: {key}: {first['msg']}. {AGAIN.format(stage)}") from None


def read_csv(path: Path, columns: Sequence[str], stage: str) -> pd.DataFrame | None:
    """Return the table at `path` with at least `columns`, numbers as float64, or None when there is none.

    Raises FauxfaceError when it is damaged: no table, a column or a number missing.
    """
    if not path.exists():
        return None
    try:
        table = pd.read_csv(path, keep_default_na=False, dtype=str)
        missing = [name for name in columns if name not in table.columns]
        if missing:
            raise FauxfaceError(f"{path}: has no column {missing[0]!r}. {AGAIN.format(stage)}")
        return table.astype({name: "float64" for name in table.columns if name not in TEXT_COLUMNS})
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        reason = str(error).splitlines()[0]
        raise FauxfaceError(f"{path}: is no table of numbers ({reason}). {AGAIN.format(stage)}") from None


def _text(path: Path, stage: str) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FauxfaceError(f"{path}: cannot be read ({error}). {AGAIN.format(stage)}") from None
