"""A model that needs no training, and jobs for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.params import CropParams
from tasks.scoring.model import ModelPlace
from tasks.scoring.shard import ScoreJob, score_shard
from tasks.scoring.store import ScoreFolder, ScoreStore
from tasks.sources import Source
from tests.flows.stand_in import write_stand_in


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> ModelPlace:
    """A model that calls bright faces fake."""
    folder = tmp_path_factory.mktemp("stand-in") / "model"
    return ModelPlace(str(folder), write_stand_in(folder).model_id)


@pytest.fixture
def bright_job(stand_in: ModelPlace, tmp_path: Path) -> ScoreJob:
    """A job that scores all faces with the stand-in."""
    folder = ScoreStore(str(tmp_path / "scores")).folder(stand_in.model_id, "dump-0")
    return ScoreJob("dump-0", folder, "key", stand_in, CropParams(min_face=20), "all", 2)


@pytest.fixture
def scored(bright_job: ScoreJob) -> Callable[[Source], ScoreFolder]:
    """Return a function that scores a source."""

    def score(source: Source) -> ScoreFolder:
        for shard in source.shards(100):
            score_shard(bright_job, shard)
        return bright_job.folder

    return score
