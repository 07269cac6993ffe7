"""Stage `sample`: the built-in sample, drawn rather than downloaded."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from tasks.sources.sample import draw_sample


@flow(name="sample")
def sample(out: Path, seed: int) -> dict[str, int]:
    """Draw the sample's data sets and its archive into the folder `out`; returns the number of members of each."""
    return draw_sample(out, seed=seed)
