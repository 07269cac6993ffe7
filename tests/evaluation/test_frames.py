from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.evaluation.baseline import FEATURES
from tasks.evaluation.frames import feature_rows, scored_rows
from tasks.manifests.schemas import FACES, MANIFEST, shard_name
from tasks.scoring.card import Answers
from tasks.scoring.classifier import Classifier, Seen


class Brightness:
    """Stands in for a model: the logit of a crop is its mean."""

    card = SimpleNamespace(
        input_size=16,
        threshold_by=lambda rule: 0.1,
        answers=Answers(real_below=0.05, fake_from=0.15, rate=0.05, unfamiliar_from=7, low_quality_below=0.5),
    )

    def seen(self, crops: np.ndarray) -> Seen:
        return Seen(np.asarray(crops.mean(axis=(1, 2, 3)), np.float32), None)

    def distances(self, seen: Seen) -> np.ndarray:
        return np.where(seen.logits > 45, 7.0, 1.0)

    def calibrated(self, logits: np.ndarray) -> np.ndarray:
        return logits / 255


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    rows: list[dict[str, Any]] = []
    for dataset in ("b", "a"):
        faces = []
        for number in range(6):
            face_id = f"{dataset}{number}#0"
            png = cv2.imencode(".png", np.full((16, 16, 3), 10 * number + (dataset == "a"), np.uint8))[1].tobytes()
            facts = {"width": 100 + number, "height": 90, "format": "PNG", "file_bytes": number}
            facts["quality"] = 0.4 if number == 0 else 0.5
            known = {"face_id": face_id, "image_id": face_id, "dataset": dataset, "member": "m", "face_index": 0}
            faces.append({**dict.fromkeys(FACES.names), **known, **facts, "image": {"bytes": png, "path": None}})
            place = {"face_id": face_id, "dataset": dataset, "shard": number // 4, "row": number % 4}
            rows.append({**place, "split": "test", "label": number % 2, "group": face_id, "source": dataset})
        (tmp_path / dataset).mkdir()
        for shard in (0, 1):
            part = pa.Table.from_pylist(faces[4 * shard : 4 * shard + 4], FACES)
            pq.write_table(part, tmp_path / dataset / shard_name(shard))
    pq.write_table(pa.Table.from_pylist(rows[::-1], MANIFEST), tmp_path / "test.parquet")
    return tmp_path


def test_each_face_gets_its_own_facts_and_score_in_the_order_of_the_manifest(workspace: Path) -> None:
    rows = scored_rows(workspace / "test.parquet", workspace, cast(Classifier, Brightness()), 2)
    assert rows["face_id"].tolist() == [f"{name}{number}#0" for name in "ab" for number in range(5, -1, -1)]
    numbers = rows["face_id"].str[1].astype(int)
    assert (rows["width"] == 100 + numbers).all()
    assert (rows["logit"] == 10 * numbers + (rows["dataset"] == "a")).all()
    np.testing.assert_allclose(rows["p_fake"], rows["logit"] / 255)


def test_each_face_gets_the_answer_that_scoring_gives_it(workspace: Path) -> None:
    rows = scored_rows(workspace / "test.parquet", workspace, cast(Classifier, Brightness()), 2)
    reasons = [
        None if missing else reason
        for reason, missing in zip(rows["verdict_reason"], rows["verdict_reason"].isna(), strict=True)
    ]
    answers = list(zip(rows["verdict"], reasons, strict=True))
    expected = [("unsure", "low_quality"), ("real", None), ("unsure", "borderline"), ("unsure", "borderline")]
    expected += [("fake", None), ("unsure", "unfamiliar")]
    assert answers == 2 * expected[::-1]


def test_feature_rows_need_no_model(workspace: Path) -> None:
    rows = feature_rows(workspace / "test.parquet", workspace)
    assert set(FEATURES) <= set(rows.columns)
    assert len(rows) == 12
    assert rows["jpeg_quality"].isna().all()
