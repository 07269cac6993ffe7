"""How long each stage took, as far as the stages have noted it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.reporting.inputs import Inputs


@dataclass(frozen=True)
class Timing:
    """One run of a stage: what it worked on, its seconds (None where it noted none), and images a second."""

    stage: str
    subject: str
    seconds: float | None
    images_per_second: float | None = None
    remark: str = ""


def timings(inputs: Inputs) -> list[Timing]:
    """Return the times in the order of the stages."""
    return list(_timings(inputs))


def _timings(inputs: Inputs) -> Iterator[Timing]:
    for name, crop in inputs.crops.items():
        yield Timing("crop", name, crop.seconds, crop.images_per_second)
    if inputs.split is not None:
        yield Timing("split", "all data sets", inputs.split.seconds)
    if inputs.train is not None:
        train = inputs.train
        resumed = f"resumed after epoch {train.resumed_after}; " if train.resumed_after else ""
        remark = f"{resumed}the epochs alone, on {train.device}"
        epochs = f"{train.epochs} epoch{'' if train.epochs == 1 else 's'}"
        yield Timing("train", epochs, train.seconds, train.images_per_second, remark)
    if inputs.evaluate is not None:
        yield Timing("evaluate", "valid and test", inputs.evaluate.seconds)
    for name, score in inputs.score.archives.items() if inputs.score else ():
        yield Timing("score", name, score.seconds, score.images_per_second)
