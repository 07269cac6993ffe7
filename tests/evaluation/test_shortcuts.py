"""The audit names the fact that was planted between two sources, and flags no pair without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.detection.detector import FaceDetector
from tasks.detection.onepass import faces_of
from tasks.evaluation import shortcuts
from tasks.evaluation.baseline import FEATURES
from tasks.evaluation.shortcuts import FLAGGED, audit
from tasks.params import CropParams, EvaluateParams
from tasks.sources import open_source

PARAMS = EvaluateParams(bootstrap=100)


def source(name: str, label: int, n: int = 80, **facts: Any) -> pd.DataFrame:
    rng = np.random.default_rng(abs(hash((name, label))) % 1000)
    rows: dict[str, Any] = {
        "face_id": [f"{name}{label}-{i}" for i in range(n)], "dataset": name, "label": label,
        "group": [f"{name}{label}-{i // 2}" for i in range(n)], "width": 256.0, "height": 256.0,
        "file_bytes": rng.normal(20_000, 3_000, n), "jpeg_quality": rng.choice([75.0, 90.0], n), "format": "JPEG",
        "sharpness": rng.normal(1, 0.2, n), "corner_variance": rng.normal(1, 0.2, n),
    }  # fmt: skip
    return pd.DataFrame({**rows, **facts})


def pairs(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(pair["fakes"], pair["reals"]): pair for pair in found["pairs"]}


def test_the_planted_fact_is_named_between_the_sources_that_it_parts_and_nowhere_else() -> None:
    rows = pd.concat(
        [source("home", 0), source("home", 1), source("saved", 0, jpeg_quality=95.0), source("few", 0, n=5)],
        ignore_index=True,
    )
    found = audit(rows, rows, PARAMS, 75)
    by_name = pairs(found)
    assert set(by_name) == {("home", "home"), ("home", "saved")}, "five faces say nothing of a source"
    parted, alike = by_name["home", "saved"], by_name["home", "home"]
    assert parted["flagged"]
    assert parted["roc_auc"] > 0.95
    assert parted["facts"][0]["fact"] == "jpeg_quality"
    assert "equalise" in parted["advice"]
    assert not alike["flagged"]
    assert alike["roc_auc"] < FLAGGED
    assert found["pairs"][0] is parted, "the worst first"
    facts = {fact["fact"]: fact for fact in found["facts"]}
    assert list(facts) == list(FEATURES)
    assert max(facts, key=lambda name: facts[name]["drop"]) == "jpeg_quality"
    assert facts["width"] == {"fact": "width", "alone": 0.5, "drop": 0.0, "interval": [0.0, 0.0]}


def test_of_two_facts_that_say_the_same_both_are_named() -> None:
    rows = pd.concat([source("a", 0), source("a", 1, jpeg_quality=30.0, width=512.0)], ignore_index=True)
    [pair] = audit(rows, rows, PARAMS, None)["pairs"]
    assert {fact["fact"] for fact in pair["facts"]} == {"width", "jpeg_quality"}
    assert "set crop.reencode" in pair["advice"]


def test_a_fact_that_some_files_do_not_have_is_one_too() -> None:
    rows = pd.concat([source("a", 0), source("a", 1, jpeg_quality=np.nan, format="PNG")], ignore_index=True)
    [pair] = audit(rows, rows, PARAMS, 75)["pairs"]
    assert {"format", "jpeg_quality"} <= {fact["fact"] for fact in pair["facts"]}


def test_pairs_beyond_the_most_are_counted_and_one_video_alone_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcuts, "MOST_PAIRS", 3)
    rows = [source(f"s{i}", label, n=20) for i in range(2) for label in (0, 1)]
    frame = pd.concat([*rows, source("video", 1, group="one")], ignore_index=True)
    found = audit(frame, frame, PARAMS, 75)
    assert len(found["pairs"]) == 3
    assert found["left_out"] == 1


@pytest.fixture(scope="module")
def faces(real_data: Path) -> pd.DataFrame:
    """The facts of some real faces, of sources that are known to differ by them, and of two that do not."""
    sources = {"lfw.zip": 0, "stable_diffusion3.zip": 1, "pggan.tar": None, "ffhq_stylegan.zip": None}
    parts = [_facts(real_data / "faces" / name, label) for name, label in sources.items()]
    return pd.concat(parts, ignore_index=True)


def _facts(path: Path, label: int | None) -> pd.DataFrame:
    crop = CropParams(size=64)
    with open_source(path) as dump:
        every = max((dump.count() or 0) // 110, 1)
        members = [each for number, each in enumerate(dump.members()) if number % every == 0]
    rows = []
    for result in faces_of(members, crop, "largest", FaceDetector(crop.min_face), 0):
        rows += [
            {
                "face_id": result.image_id, "dataset": path.name.split(".")[0], "group": result.image_id,
                "label": int("fake" in result.member.lower()) if label is None else label,
                "width": result.width, "height": result.height, "file_bytes": result.file_bytes,
                "jpeg_quality": result.jpeg_quality, "format": result.format, "sharpness": face.sharpness,
                "corner_variance": face.corner_variance,
            }
            for face in result.faces
        ]  # fmt: skip
    return pd.DataFrame(rows)


def test_on_real_data_the_known_leaks_are_flagged_with_jpeg_quality_and_the_clean_pair_is_not(
    faces: pd.DataFrame,
) -> None:
    by_name = pairs(audit(faces, faces, PARAMS, 75))
    for fakes, reals in (("stable_diffusion3", "lfw"), ("pggan", "lfw")):
        assert by_name[fakes, reals]["flagged"]
        assert "jpeg_quality" in {fact["fact"] for fact in by_name[fakes, reals]["facts"]}
    assert not by_name["ffhq_stylegan", "ffhq_stylegan"]["flagged"]
