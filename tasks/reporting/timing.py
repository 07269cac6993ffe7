"""How long each stage took, as far as the stages have noted it: a page of its own, for it differs in every run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.reporting.inputs import Inputs
from tasks.timings import read_times


@dataclass(frozen=True)
class Timing:
    """One run of a stage: what it worked on, its seconds (None where it noted none), and images a second."""

    stage: str
    subject: str
    seconds: float | None
    images_per_second: float | None = None
    remark: str = ""


def timings(inputs: Inputs, reports: Path) -> list[Timing]:
    """Return the times in the order of the stages."""
    return list(_timings(inputs, reports))


def _timings(inputs: Inputs, reports: Path) -> Iterator[Timing]:
    for name in inputs.crops:
        yield Timing("crop", name, *_noted(read_times(reports, f"crop/{name}")))
    if inputs.split is not None:
        yield Timing("split", "all data sets", *_noted(read_times(reports, "split")))
    if inputs.train is not None:
        train = inputs.train
        resumed = f"resumed after epoch {train.resumed_after}; " if train.resumed_after else ""
        remark = f"{resumed}the epochs alone, on {train.device}"
        epochs = f"{train.epochs} epoch{'' if train.epochs == 1 else 's'}"
        yield Timing("train", epochs, *_noted(read_times(reports, "train")), remark)
    if inputs.evaluate is not None:
        yield Timing("evaluate", "valid and test", *_noted(read_times(reports, "evaluate")))
    scored = read_times(reports, "score").get("archives", {}) if inputs.score else {}
    for name in inputs.score.archives if inputs.score else ():
        yield Timing("score", name, *_noted(scored.get(name, {})))


def _noted(times: Any) -> tuple[float | None, float | None]:
    """Return seconds and images a second; None for what is no number."""
    values = [times.get(key) if isinstance(times, dict) else None for key in ("seconds", "images_per_second")]
    seconds, rate = (float(each) if isinstance(each, (int, float)) else None for each in values)
    return seconds, rate
