"""Two hundred times struck at a moment drawn by a seed, and started again: the outcome is that of an unbroken run."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.faults.conftest import COMMANDS, Lab
from tests.faults.table import Tell, rows_wrong, tell

# The laboratory is set up within the first test's time, however busy the machine is.
pytestmark = pytest.mark.timeout(3600)

SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
NAMES = {"SIGKILL": "killed", "SIGTERM": "terminated", "SIGINT": "Ctrl-C"}
STAGES = ("crop", "train", "evaluate", "score", "report")
ROUNDS = 10  # of each four strikes: 5 stages x 10 x 4 = 200


def strike(lab: Lab, stage: str, number: int, seed: int, tell_of: Tell) -> None:
    """Strike one run of a stage after the other, each of which goes on from the last; then let it end."""
    workspace = lab.before(stage)
    for turn, point in enumerate(lab.points(stage, number, seed)):
        signal = SIGNALS[(turn + seed) % len(SIGNALS)]
        lab.zygote.run(workspace, *COMMANDS[stage], at=point, do=f"kill -{signal[3:]} -{{group}}")
    ended = lab.zygote.run(workspace, *COMMANDS[stage])
    assert ended.status == 0, ended.said
    assert "Traceback (most recent" not in ended.said
    assert outcome(workspace, stage) == outcome(lab.unbroken, stage)
    assert not list((workspace / "data").rglob(".tmp-*")), "what a killed writer left is still there"
    tell(tell_of, f"stopped in {stage}", number, **wrong_rows(workspace, stage))


def wrong_rows(workspace: Path, stage: str) -> dict[str, int]:
    if stage == "crop":
        return rows_wrong(pd.read_parquet(workspace / "data/faces/ffhq/images.parquet"), 40)
    if stage == "score":
        return rows_wrong(scored(workspace), 8)
    return {}


def scored(workspace: Path) -> pd.DataFrame:
    tables = [pq.ParquetFile(part).read(["index", "face_index"]) for part in parts(workspace)]
    frame: pd.DataFrame = pd.concat([table.to_pandas() for table in tables])
    return frame


def outcome(workspace: Path, stage: str) -> Any:
    """Return what a stage made, without what says when and how fast."""
    if stage == "crop":
        return digests(workspace / "data/faces/ffhq"), figures(workspace / "reports/crop/ffhq.json")
    if stage == "train":
        card = json.loads((workspace / "data/model/card.json").read_text())
        made = digests(workspace / "data/model")
        return card["model_id"], made["model.weights.h5"], made["scorer.bin"], card["valid"], card["threshold"]
    if stage == "evaluate":
        return figures(workspace / "reports/evaluate.json"), digests(workspace / "reports/evaluate")
    if stage == "score":
        return [(part.name, pq.ParquetFile(part).read().to_pylist()) for part in parts(workspace)]
    # Its links, times and versions of stages before are those of the same reports.
    return re.sub(r"\d+(\.\d+)?", "", (workspace / "reports/index.html").read_text())


def figures(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def parts(workspace: Path) -> list[Path]:
    return sorted((workspace / "data/scores").rglob("part-*.parquet"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_struck_at_drawn_moments_ends_as_an_unbroken_one(lab: Lab, stage: str, record_property: Tell) -> None:
    strike(lab, stage, 3, 0, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(1, ROUNDS + 1))
@pytest.mark.parametrize("stage", STAGES)
def test_two_hundred_strikes_change_nothing(lab: Lab, stage: str, turn: int, record_property: Tell) -> None:
    strike(lab, stage, 4, turn, record_property)
