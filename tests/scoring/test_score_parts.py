"""Parts of a scoring: one row per face or faceless image, batches in order, resumption by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.params import CropParams, ScoreParams
from tasks.params.models import ThresholdRule, Verdict
from tasks.scoring.model import ModelPlace
from tasks.scoring.shard import (
    ScoreJob,
    finished_shard,
    score_key,
    score_shard,
)
from tasks.scoring.store import ScoreStore
from tasks.scoring.verdict import FaceScore, Judge
from tasks.sources import open_source

BALANCED, STRICT = 0.25, 0.3


class Card:
    model_id = "0123456789ab"
    answers = None

    def threshold_by(self, rule: ThresholdRule) -> float:
        return {"balanced": BALANCED, "false_alarm": STRICT}[rule]


class Brightness:
    """Stands in for the network: the brighter the crop, the more fake; so each face has a score of its own."""

    card = Card()

    def judged(self, crops: np.ndarray[Any, Any], qualities: Sequence[float], judge: Judge) -> list[FaceScore]:
        p_fake = np.asarray(crops.mean(axis=(1, 2, 3)) / 255, np.float32).tolist()
        return [FaceScore(value, None, judge.answer(value, None, 1.0)) for value in p_fake]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScoreJob:
    monkeypatch.setattr("tasks.scoring.shard.shared_classifier", lambda place, threads, precision: Brightness())
    folder = ScoreStore(str(tmp_path)).folder("0123456789ab", "groups-0")
    place = ModelPlace("stands in", "0123456789ab")
    return ScoreJob("groups-0", folder, "key", place, CropParams(min_face=20), "all", 2)


def test_every_face_has_its_row_and_every_image_without_one_too(job: ScoreJob, real_data: Path) -> None:
    shard = next(open_source(str(real_data / "scenes" / "group_photos.tar")).shards(100))
    members = shard.read()
    counts = score_shard(job, shard)
    rows = pd.DataFrame(job.folder.read().to_pylist())
    assert counts.inputs == len(members) == sum(counts.status.values()) == rows["member"].nunique()
    assert list(rows["member"].unique()) == [member.path for member in members]
    faces = rows[rows["face_index"].notna()]
    assert counts.faces == len(faces) == 43
    assert (
        faces.groupby("member")["face_index"].apply(sorted).map(len) == faces.groupby("member")["n_faces"].first()
    ).all()
    assert counts.fake_faces == (faces["p_fake"] >= BALANCED).sum() == faces["is_fake"].sum()
    assert counts.fake_images == faces[faces["is_fake"].astype(bool)]["member"].nunique()
    assert counts.histogram == np.histogram(faces["p_fake"], 20, (0, 1))[0].tolist()
    assert rows.groupby("member", sort=False)["index"].unique().tolist() == [[place] for place in range(len(members))]
    assert rows[rows["face_index"].isna()][["p_fake", "is_fake", "box_x", "image_p_fake"]].isna().all(axis=None)
    assert faces["p_fake"].nunique() > 40, "each face has its own score"


def test_the_score_of_a_face_belongs_to_it(job: ScoreJob, real_data: Path) -> None:
    """Scores go through in batches over images; a face scored alone with its image has the same score."""
    source = open_source(str(real_data / "scenes" / "group_photos.tar"))
    score_shard(job, next(source.shards(100)))
    together = job.folder.read(["member", "face_index", "p_fake"]).to_pylist()
    alone = []
    for shard in source.shards(1):
        score_shard(job, shard)
        alone += job.folder.read(["member", "face_index", "p_fake"], shard.index).to_pylist()
    assert [(row["member"], row["face_index"]) for row in together] == [
        (row["member"], row["face_index"]) for row in alone
    ]
    for one, other in zip(together, alone, strict=True):
        assert one["p_fake"] == pytest.approx(other["p_fake"], abs=0.01)


def test_a_finished_part_is_recognised_and_others_are_not(job: ScoreJob, real_data: Path) -> None:
    shard = next(open_source(str(real_data / "scenes" / "group_photos.tar")).shards(4))
    assert finished_shard(job, 0) is None
    counts = score_shard(job, shard)
    assert finished_shard(job, 0) == counts
    assert finished_shard(ScoreJob(**{**job.__dict__, "key": "other"}), 0) is None
    path = Path(job.folder.url, "part-00000.parquet")
    path.write_bytes(path.read_bytes()[:-8])
    assert finished_shard(job, 0) is None


def test_the_key_follows_source_model_and_settings() -> None:
    keys = [
        score_key("a", "m", ScoreParams()),
        score_key("b", "m", ScoreParams()),
        score_key("a", "n", ScoreParams()),
        score_key("a", "m", ScoreParams(keep="largest")),
        score_key("a", "m", ScoreParams(shard=10)),
        score_key("a", "m", ScoreParams(verdict="mean")),
        score_key("a", "m", ScoreParams(threshold="false_alarm")),
        score_key("a", "m", ScoreParams(precision="bf16")),
        score_key("a", "m", ScoreParams(), "cp932"),
    ]
    assert len(set(keys)) == 9
    elsewhere = ScoreParams.model_validate({"archives": {"x": {"source": "x.zip"}}, "compare": {"psi": 1}})
    assert keys[0] == score_key("a", "m", elsewhere)


@pytest.mark.parametrize("rule", ["max", "mean", "largest"])
def test_the_verdict_on_an_image_follows_the_rule(job: ScoreJob, real_data: Path, rule: Verdict) -> None:
    shard = next(open_source(str(real_data / "scenes" / "group_photos.tar")).shards(3))
    counts = score_shard(replace(job, verdict=rule), shard)
    rows = pd.DataFrame(job.folder.read().to_pylist())
    assert rows[rows["face_index"].isna()]["image_p_fake"].isna().all()
    for _, image in rows[rows["face_index"].notna()].groupby("index"):
        at = (image["box_width"] * image["box_height"]).argmax()
        largest = image["p_fake"].iloc[at]
        expected = {"max": image["p_fake"].max(), "mean": image["p_fake"].mean(), "largest": largest}[rule]
        assert image["image_p_fake"].nunique() == 1
        assert image["image_p_fake"].iloc[0] == pytest.approx(expected, abs=1e-6)
        assert (image["image_is_fake"] == (image["image_p_fake"] >= BALANCED)).all()
        if rule == "largest":
            assert (image["image_verdict"] == image["verdict"].iloc[at]).all()
    assert (rows["verdict_rule"] == rule).all()
    assert counts.fake_images == rows[rows["image_is_fake"].eq(True)]["index"].nunique()


@pytest.mark.parametrize(("rule", "threshold"), [("balanced", BALANCED), ("false_alarm", STRICT)])
def test_the_threshold_that_is_asked_for_decides(
    job: ScoreJob, real_data: Path, rule: ThresholdRule, threshold: float
) -> None:
    shard = next(open_source(str(real_data / "scenes" / "group_photos.tar")).shards(3))
    score_shard(replace(job, threshold=rule), shard)
    rows = pd.DataFrame(job.folder.read().to_pylist())
    faces = rows[rows["face_index"].notna()]
    assert ((faces["p_fake"] >= BALANCED) & (faces["p_fake"] < STRICT)).any()  # faces that the two judge differently
    assert (faces["is_fake"] == (faces["p_fake"] >= threshold)).all()
    assert (faces["image_is_fake"] == (faces["image_p_fake"] >= threshold)).all()
    assert (rows["threshold_rule"] == rule).all()


def test_a_face_on_the_threshold_is_fake_and_one_just_below_it_is_not(
    job: ScoreJob, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = next(open_source(str(real_data / "scenes" / "group_photos.tar")).shards(3))

    def scored(threshold: float) -> pd.DataFrame:
        monkeypatch.setattr(Card, "threshold_by", lambda *_: threshold)
        score_shard(job, shard)
        rows = pd.DataFrame(job.folder.read().to_pylist())
        return rows[rows["face_index"].notna()]

    highest = float(scored(BALANCED)["p_fake"].max())
    on, above = scored(highest), scored(float(np.nextafter(highest, 1)))
    assert on["is_fake"].tolist() == (on["p_fake"] == highest).tolist()
    assert on["image_is_fake"].tolist() == (on["image_p_fake"] == highest).tolist()
    assert on["image_is_fake"].any()
    assert not above["is_fake"].any()
    assert not above["image_is_fake"].any()


def test_the_network_computes_at_the_precision_that_is_asked_for(
    job: ScoreJob, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(_place: ModelPlace, _threads: int, precision: str) -> Brightness:
        asked.append(precision)
        return Brightness()

    monkeypatch.setattr("tasks.scoring.shard.shared_classifier", load)
    shard = next(open_source(str(real_data / "scenes" / "group_photos.tar")).shards(1))
    score_shard(replace(job, precision="bf16"), shard)
    assert asked == ["bf16"]
