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
from tasks.evaluation.frames import feature_rows, require_its_split, scored_rows
from tasks.manifests.schemas import FACES, MANIFEST, shard_name
from tasks.params import FauxfaceError
from tasks.params.files import sha256_file
from tasks.scoring.card import Answers, ModelCard
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


def card_of(**data: str) -> ModelCard:
    return cast(ModelCard, SimpleNamespace(model_id="m1", data=data))


@pytest.mark.parametrize("changed", [(), ("train",), ("valid",), ("train", "valid")])
def test_a_model_of_another_split_is_refused_whichever_side_differs(tmp_path: Path, changed: tuple[str, ...]) -> None:
    for side in ("train", "valid", "test"):
        (tmp_path / f"{side}.parquet").write_text(f"rows of {side}")
    hashes = {side: sha256_file(tmp_path / f"{side}.parquet") for side in ("train", "valid")}
    for side in changed:
        (tmp_path / f"{side}.parquet").write_text(f"other rows of {side}")
    if not changed:
        require_its_split(card_of(**hashes), tmp_path)
        return
    with pytest.raises(FauxfaceError, match=rf"{changed[0]}\.parquet: is not the split that model m1 was made with"):
        require_its_split(card_of(**hashes), tmp_path)


@pytest.mark.parametrize("side", ["train", "valid"])
def test_a_card_that_does_not_tell_a_side_is_refused_and_a_missing_manifest_is_left_to_its_reader(
    tmp_path: Path, side: str
) -> None:
    require_its_split(card_of(), tmp_path)
    (tmp_path / f"{side}.parquet").write_text("rows")
    with pytest.raises(FauxfaceError, match=rf"{side}\.parquet"):
        require_its_split(card_of(), tmp_path)
    require_its_split(card_of(**{side: sha256_file(tmp_path / f"{side}.parquet")}), tmp_path)
