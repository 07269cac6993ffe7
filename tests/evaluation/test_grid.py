"""The perturbation grid: pictures change as said, figures are those of changed pictures, the drop is paired."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tasks.evaluation.confidence import auc_drop
from tasks.evaluation.grid import grid, grid_frame, sample, worst
from tasks.evaluation.measuring import Judge
from tasks.evaluation.perturbations import PERTURBATIONS, SHIFT
from tasks.evaluation.text import lines
from tasks.params import EvaluateParams

BY_NAME = {each.name: each for each in PERTURBATIONS}


def picture(side: int = 128) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).integers(40, 215, (16, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def fineness(pixels: NDArray[np.uint8]) -> float:
    return float(np.abs(cv2.Laplacian(pixels.astype(np.float32), cv2.CV_32F)).mean())


def test_each_keeps_size_and_type_changes_something_and_is_the_same_twice() -> None:
    crop = picture()
    for each in PERTURBATIONS:
        changed = each.apply(crop)
        assert changed.shape == crop.shape, each.name
        assert changed.dtype == np.uint8, each.name
        assert (changed != crop).any(), each.name
        assert (each.apply(crop) == changed).all(), each.name
    assert len(BY_NAME) == len(PERTURBATIONS) >= 20


def test_they_do_what_their_names_say() -> None:
    crop = picture()

    def made(name: str) -> NDArray[np.float64]:
        return BY_NAME[name].apply(crop).astype(np.float64)

    loss = [np.abs(made(f"JPEG {quality}") - crop).mean() for quality in (95, 85, 75, 50, 30)]
    assert loss == sorted(loss)
    sharp = [fineness(BY_NAME[f"blur σ {sigma}"].apply(crop)) for sigma in (1, 2, 3)]
    assert [fineness(crop), *sharp] == sorted([fineness(crop), *sharp], reverse=True)
    assert made("brightness × 0.6").mean() == pytest.approx(0.6 * crop.mean(), rel=0.01)
    assert made("contrast × 0.6").std() == pytest.approx(0.6 * crop.std(), rel=0.02)
    assert (made("grey")[..., 0] == made("grey")[..., 2]).all()
    assert (made(f"shifted by {SHIFT} px")[SHIFT:, SHIFT:] == crop[:-SHIFT, :-SHIFT]).all()
    assert (made("noise σ 8") - crop).std() == pytest.approx(8, rel=0.05)
    middle = made("turned by 5°")[60:68, 60:68]
    assert np.abs(middle - crop[60:68, 60:68]).mean() < np.abs(made("turned by 5°") - crop).mean()


def rows(n: int, dataset: str, trained_on: bool, labels: tuple[int, ...] = (0, 1)) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    label = np.array([labels[i % len(labels)] for i in range(n)])
    p_fake = np.clip(0.5 + 0.25 * (label - 0.5) + rng.normal(0, 0.15, n), 0, 1)
    return pd.DataFrame(
        {
            "face_id": [f"{dataset}{i}" for i in range(n)], "dataset": dataset, "label": label,
            "group": [f"{dataset}{i // 2}" for i in range(n)], "trained_on": trained_on, "p_fake": p_fake,
        }
    )  # fmt: skip


def scores(frame: pd.DataFrame, worse: str) -> dict[str, NDArray[np.float32]]:
    """No perturbation but one moves a score; that one makes all the same."""
    p_fake = frame["p_fake"].to_numpy(np.float32)
    return {name: np.full_like(p_fake, 0.9) if name == worse else p_fake for name in BY_NAME}


@pytest.fixture
def judge() -> Judge:
    return Judge(0.5, 0.8, 0.5, EvaluateParams(bootstrap=200))


def test_the_worst_is_found_with_its_own_figures_and_held_out_fakes_stand_against_photographs(judge: Judge) -> None:
    frame = pd.concat([rows(80, "home", True), rows(30, "away", False, (1,))], ignore_index=True)
    found = grid(frame, scores(frame, "blur σ 2"), judge, 400)
    home = found["sets"]["trained_on"]
    assert home["clean"]["roc_auc"] == pytest.approx(roc_auc_score(frame["label"][:80], frame["p_fake"][:80]))
    cells = {cell["name"]: cell for cell in home["cells"]}
    assert cells["blur σ 2"]["roc_auc"] == pytest.approx(0.5)
    assert cells["blur σ 2"]["false_alarms"] == pytest.approx(1.0)
    assert cells["JPEG 30"]["drop"] == {"roc_auc": 0.0, "interval": [0.0, 0.0]}
    line: dict[str, Any] = worst(found) or {}
    assert line["name"] == "blur σ 2"
    assert line["drop"]["roc_auc"] == pytest.approx(home["clean"]["roc_auc"] - 0.5)
    away = found["sets"]["held_out"]
    assert away["clean"]["n"] == 30 + 40, "with the photographs that were trained on"
    table = grid_frame(found)
    assert len(table) == 2 * len(PERTURBATIONS)
    assert table["drop"].max() == pytest.approx(max(line["drop"]["roc_auc"], away["cells"][6]["drop"]["roc_auc"]))


def test_the_interval_of_a_drop_is_that_of_pairs() -> None:
    """Scores that all move alike lose nothing, whatever the faces; unpaired, the interval would be wide."""
    frame = rows(200, "home", True)
    labels, before = frame["label"].to_numpy(), frame["p_fake"].to_numpy()
    groups = frame["group"].to_numpy(object)
    assert auc_drop(labels, before, before / 2, groups, 200, 1) == (0.0, [0.0, 0.0])
    noise = np.random.default_rng(0).normal(0, 0.2, 200)
    drop, interval = auc_drop(labels, before, before + noise, groups, 500, 1)
    assert interval is not None
    assert interval[0] < (drop or 0) < interval[1]
    assert drop == pytest.approx(roc_auc_score(labels, before) - roc_auc_score(labels, before + noise))
    assert auc_drop(np.ones(4, int), before[:4], before[:4], groups[:4], 200, 1) == (None, None)
    assert auc_drop(labels, before, before + noise, np.full(200, "one", object), 200, 1)[1] is None


def test_a_sample_is_bounded_for_each_source_and_stays_when_data_come_to_it() -> None:
    frame = pd.concat([rows(50, "a", True), rows(8, "b", False)], ignore_index=True)
    chosen = sample(frame, 10)
    assert chosen["dataset"].value_counts().to_dict() == {"a": 10, "b": 8}
    more = pd.concat([rows(30, "c", True), frame], ignore_index=True)
    assert set(sample(more, 10)["face_id"]) >= set(chosen["face_id"])


def test_the_terminal_never_shows_one_kind_alone() -> None:
    line: dict[str, Any] = {"name": "home", "against": None, "n": 9, "roc_auc": None, "accuracy": 0.5, "hit_rate": None,
            "false_alarms": 0.25, "intervals": {}}  # fmt: skip
    report = {"headline": {"lines": [{"kind": "trained_on", **line}], "notes": {"held_out": "No source was held out."}}}
    shown = lines(report)
    assert shown[1].startswith("trained on")
    assert shown[1].endswith("25.0 %")
    assert "held out            No source was held out." in shown
