from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.evaluation.baseline import TrivialBaseline
from tasks.evaluation.confidence import intervals
from tasks.evaluation.evaluate import evaluate
from tasks.evaluation.metrics import confusion
from tasks.evaluation.perturbations import PERTURBATIONS
from tasks.params import EvaluateParams, FauxfaceError

PARAMS = EvaluateParams(bootstrap=100)


def frame(dataset: str, n: int, seed: int, label: int | None = None, skill: float = 1.5) -> pd.DataFrame:
    """Rows of a data set whose trivial features say nothing; `skill` is how far the model's logits are apart."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n) if label is None else np.full(n, label)
    logits = skill * (2 * labels - 1) + random.normal(0, 1, n)
    return pd.DataFrame(
        {
            "face_id": [f"{dataset}-{seed}-{number}#0" for number in range(n)],
            "dataset": dataset,
            "source": dataset,
            "group": [f"{dataset}-{seed}-{number // 2}" for number in range(n)],
            "label": labels.astype(np.int8),
            "logit": logits.astype(np.float32),
            "p_fake": (1 / (1 + np.exp(-logits))).astype(np.float32),
            "verdict": np.where(np.abs(logits) < 0.5, "unsure", np.where(logits > 0, "fake", "real")),
            "verdict_reason": ["borderline" if abs(value) < 0.5 else None for value in logits],
            "width": 256,
            "height": 256,
            "file_bytes": random.integers(8_000, 20_000, n),
            "jpeg_quality": pd.array(random.choice([75, 80], n), dtype="Int16"),
            "format": "JPEG",
            "sharpness": random.random(n).astype(np.float32),
            "corner_variance": random.random(n).astype(np.float32),
        }
    )


@pytest.fixture(scope="module")
def splits() -> dict[str, Any]:
    test = [frame("ffhq", 200, 3), frame("omi", 60, 4, label=1, skill=0.5), frame("lfw", 80, 5, label=0)]
    return {"train": frame("ffhq", 400, 1), "valid": frame("ffhq", 200, 2), "test": pd.concat(test, ignore_index=True)}


@pytest.fixture(scope="module")
def report(splits: dict[str, Any]) -> dict[str, Any]:
    return evaluate(**splits, threshold=0.5, false_alarm=0.9, params=PARAMS).report


def test_the_report_is_finite_stable_json(splits: dict[str, Any], report: dict[str, Any]) -> None:
    text = json.dumps(report, allow_nan=False)
    assert text == json.dumps(evaluate(**splits, threshold=0.5, false_alarm=0.9, params=PARAMS).report, allow_nan=False)


def test_every_set_of_rows_is_what_its_name_says(report: dict[str, Any]) -> None:
    assert (report["overall"]["n"], report["in_domain"]["n"]) == (340, 200)
    assert {name: figures["in_training"] for name, figures in report["datasets"].items()} == {
        "ffhq": True,
        "lfw": False,
        "omi": False,
    }
    omi, lfw = report["datasets"]["omi"], report["datasets"]["lfw"]
    assert omi["roc_auc"] is None
    assert "one class only" in omi["reasons"]["roc_auc"]
    assert lfw["accuracy"] == lfw["accuracy_real"]
    assert report["threshold"] == {"value": 0.5, "chosen_on": "valid", "by": "best balanced accuracy", "n": 200}


def test_both_thresholds_are_measured_on_every_set(splits: dict[str, Any], report: dict[str, Any]) -> None:
    reals = int((splits["valid"]["label"] == 0).sum())
    expected = {"value": 0.9, "chosen_on": "valid", "by": "at most 1 % false alarms", "n": reals}
    assert report["threshold_false_alarm"] == expected
    ffhq = splits["test"][splits["test"]["dataset"] == "ffhq"]
    called, fake = ffhq["p_fake"] >= 0.9, ffhq["label"] == 1
    at = report["in_domain"]["operating_points"]["false_alarm"]
    rates = (called == fake).mean(), called[~fake].mean(), called[fake].mean()
    assert (at["accuracy"], at["fpr"], at["tpr"]) == pytest.approx(rates, abs=1e-6)
    for figures in (report["overall"], report["in_domain"], *report["datasets"].values(), *report["cross"].values()):
        strict, balanced = (figures["operating_points"][name] for name in ("false_alarm", "balanced"))
        assert (balanced["accuracy"], balanced["tpr"]) == (figures["accuracy"], figures["accuracy_fake"])
        assert all(strict[name] is None or strict[name] < balanced[name] for name in ("fpr", "tpr"))
    assert report["datasets"]["omi"]["operating_points"]["balanced"]["fpr"] is None
    assert report["datasets"]["lfw"]["operating_points"]["balanced"]["tpr"] is None


def test_a_one_class_set_is_crossed_with_the_other_class_of_the_known_sets(
    splits: dict[str, Any], report: dict[str, Any]
) -> None:
    test = splits["test"]
    reals = int(((test["dataset"] == "ffhq") & (test["label"] == 0)).sum())
    cross = report["cross"]
    assert list(cross) == ["lfw against in-domain fake faces", "omi against in-domain real faces"]
    figures = cross["omi against in-domain real faces"]
    assert (figures["n_fake"], figures["n_real"]) == (60, reals)
    assert figures["roc_auc"] < report["in_domain"]["roc_auc"]


def test_a_one_class_set_is_crossed_with_each_known_set_too(splits: dict[str, Any]) -> None:
    halves = {
        name: rows.assign(dataset=np.where(np.arange(len(rows)) % 3 == 0, "a", "b")) for name, rows in splits.items()
    }
    omi = splits["test"][splits["test"]["dataset"] == "omi"]
    test = pd.concat([halves["test"][splits["test"]["dataset"] == "ffhq"], omi])
    found = evaluate(halves["train"], halves["valid"], test, 0.5, 0.9, PARAMS)
    cross = found.report["cross"]
    assert list(cross) == [
        f"omi against {rest}" for rest in ("in-domain real faces", "a's real faces", "b's real faces")
    ]
    assert [figures["n_fake"] for figures in cross.values()] == [60] * 3
    whole, *parts = (figures["n_real"] for figures in cross.values())
    assert sum(parts) == whole
    assert parts[0] == ((test["dataset"] == "a") & (test["label"] == 0)).sum()
    assert {name for name in found.plots["roc"]["rows"] if name.startswith("omi")} == {
        "omi against in-domain real faces"
    }


def test_the_threshold_is_used_as_given_and_test_rows_change_no_choice(splits: dict[str, Any]) -> None:
    """Turning all test labels round changes the test figures only."""
    flipped = {**splits, "test": splits["test"].assign(label=1 - splits["test"]["label"])}
    one = evaluate(**splits, threshold=0.4, false_alarm=0.9, params=PARAMS).report
    other = evaluate(**flipped, threshold=0.4, false_alarm=0.9, params=PARAMS).report
    assert one["threshold"] == other["threshold"]
    assert one["in_domain"]["accuracy"] == pytest.approx(1 - other["in_domain"]["accuracy"], abs=2e-6)
    assert one["in_domain"]["baseline"]["accuracy"] == pytest.approx(
        1 - other["in_domain"]["baseline"]["accuracy"], abs=2e-6
    )


def test_the_baseline_stands_at_chance_where_nothing_gives_the_label_away(report: dict[str, Any]) -> None:
    low, high = report["in_domain"]["baseline"]["intervals"]["roc_auc"]
    assert low < 0.5 < high
    assert report["in_domain"]["roc_auc"] > 0.9


@pytest.mark.parametrize("feature", ["jpeg_quality", "file_bytes", "format", "sharpness", "width"])
def test_the_baseline_finds_a_planted_trivial_feature(splits: dict[str, Any], feature: str) -> None:
    plants: dict[str, Any] = {
        "jpeg_quality": pd.array([75, 92], dtype="Int16"),
        "file_bytes": np.array([9_000, 15_000]),
        "format": np.array(["JPEG", "PNG"], object),
        "sharpness": np.array([0.2, 0.9]),
        "width": np.array([256, 250]),
    }
    values = plants[feature]
    planted = {name: rows.assign(**{feature: values[rows["label"].to_numpy()]}) for name, rows in splits.items()}
    report = evaluate(**planted, threshold=0.5, false_alarm=0.9, params=PARAMS).report
    assert report["in_domain"]["baseline"]["roc_auc"] > 0.99
    assert report["in_domain"]["baseline"]["accuracy"] > 0.99


def test_the_baseline_takes_missing_facts_and_unseen_formats(splits: dict[str, Any]) -> None:
    rows = splits["test"].assign(jpeg_quality=pd.array([None] * 340, dtype="Int16"), format="WEBP", sharpness=np.nan)
    p_fake = TrivialBaseline().fit(splits["train"]).p_fake(rows)
    assert np.all((p_fake > 0) & (p_fake < 1))


@pytest.mark.parametrize("facts", [["jpeg_quality"], ["jpeg_quality", "format", "sharpness"]])
def test_the_baseline_does_without_facts_that_no_training_face_has(splits: dict[str, Any], facts: list[str]) -> None:
    """No PNG has a JPEG quality, and of some data sets all files are PNG."""
    widths = {name: np.where(rows["label"] == 1, 256, 250) for name, rows in splits.items()}
    bare = {
        name: rows.assign(width=widths[name]).assign(**{fact: pd.Series(None, rows.index, object) for fact in facts})
        for name, rows in splits.items()
    }
    known = {**bare, "test": splits["test"].assign(width=widths["test"])}
    for given in (bare, known):
        report = evaluate(**given, threshold=0.5, false_alarm=0.9, params=PARAMS).report
        assert report["in_domain"]["baseline"]["roc_auc"] > 0.99


def test_a_face_between_two_float32_has_the_verdict_that_scoring_gives_it() -> None:
    """NumPy compares float32 with a number rounded to float32, and Python does not."""
    above = np.nextafter(np.float32(1), np.float32(0))
    below = np.nextafter(above, np.float32(0))
    rows = frame("ffhq", 40, 6).assign(p_fake=np.float32(0.1))
    rows["p_fake"] = rows["label"].map({1: above, 0: below}).astype(np.float32)
    threshold = (float(above) + float(below)) / 2
    assert (rows["p_fake"] >= threshold).nunique() == 1  # what is to be avoided
    found = evaluate(frame("ffhq", 40, 7), rows, rows, threshold, 0.9, PARAMS)
    figures = found.report["in_domain"]
    assert figures["accuracy"] == figures["intervals"]["accuracy"][0] == 1
    assert figures["operating_points"]["balanced"]["fpr"] == 0
    assert (found.predictions["is_fake"] == (found.predictions["label"] == 1)).all()
    assert confusion(rows["label"].to_numpy(), rows["p_fake"].to_numpy(), threshold)["real_as_fake"] == 0


def test_plots_have_the_points_of_their_curves(splits: dict[str, Any]) -> None:
    plots = evaluate(**splits, threshold=0.5, false_alarm=0.9, params=PARAMS).plots
    assert list(plots) == ["roc", "pr", "calibration", "confusion", "histogram", "bands"]
    roc = plots["roc"]
    assert {"in_domain", "ffhq", "omi against in-domain real faces"} <= set(roc["rows"])
    assert "omi" not in set(roc["rows"])
    curve = roc[roc["rows"] == "in_domain"]
    assert np.trapezoid(curve["tpr"], curve["fpr"]) == pytest.approx(
        evaluate(**splits, threshold=0.5, false_alarm=0.9, params=PARAMS).report["in_domain"]["roc_auc"], abs=1e-5
    )
    assert np.isfinite(roc.select_dtypes("number").to_numpy()).all()
    assert len(plots["confusion"]) == plots["calibration"]["n"].sum() == 200
    counts = plots["histogram"].groupby("rows")[["real", "fake"]].sum().sum(axis=1)
    assert counts["omi"] == 60


def test_without_in_domain_test_rows_there_are_only_the_others(splits: dict[str, Any]) -> None:
    others = splits["test"][splits["test"]["dataset"] != "ffhq"]
    evaluation = evaluate(splits["train"], splits["valid"], others, 0.5, 0.9, PARAMS)
    assert evaluation.report["in_domain"] is None
    assert evaluation.report["cross"] == {}
    assert set(evaluation.plots["roc"]["rows"]) == {"overall"}


def test_an_empty_split_is_an_error(splits: dict[str, Any]) -> None:
    with pytest.raises(FauxfaceError, match="the test split holds no faces"):
        evaluate(splits["train"], splits["valid"], splits["test"].head(0), 0.5, 0.9, PARAMS)


def test_intervals_are_drawn_by_group_and_counted_so(splits: dict[str, Any], report: dict[str, Any]) -> None:
    test = splits["test"]
    for name, rows in (("overall", test), ("in_domain", test[test["dataset"] == "ffhq"])):
        groups = rows["group"].to_numpy(object)
        expected = intervals(
            rows["label"].to_numpy(), rows["p_fake"].to_numpy(float), groups, 0.5, PARAMS.bootstrap, PARAMS.seed
        )
        assert report[name]["groups"] == len(set(groups)) < len(rows)
        assert report[name]["intervals"] == {
            figure: bounds and pytest.approx(bounds, abs=1e-6) for figure, bounds in expected.items()
        }


def test_one_video_of_many_faces_has_no_interval(splits: dict[str, Any]) -> None:
    one = splits["test"].assign(group="video")
    found = evaluate(splits["train"], splits["valid"], one, 0.5, 0.9, PARAMS).report["overall"]
    assert found["groups"] == 1
    assert set(found["intervals"].values()) == set(found["baseline"]["intervals"].values()) == {None}


def test_the_baseline_is_measured_at_its_own_threshold_on_the_same_rows(splits: dict[str, Any]) -> None:
    rows = {name: each.assign(width=np.where(each["label"] == 1, 256, 250)) for name, each in splits.items()}
    found = evaluate(**rows, threshold=0.9999, false_alarm=0.9, params=PARAMS).report["overall"]
    assert set(found["baseline"]) == {"accuracy", "balanced_accuracy", "roc_auc", "intervals"}
    assert found["baseline"]["accuracy"] > 0.99
    assert set(found["baseline"]["intervals"]) == {"accuracy", "balanced_accuracy", "roc_auc"}
    assert found["accuracy"] < 0.7


@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_each_split_must_hold_faces(splits: dict[str, Any], name: str) -> None:
    with pytest.raises(FauxfaceError, match=f"the {name} split holds no faces"):
        evaluate(**{**splits, name: splits[name].head(0)}, threshold=0.5, false_alarm=0.9, params=PARAMS)


def test_the_grid_is_of_the_faces_that_were_perturbed(splits: dict[str, Any]) -> None:
    """A perturbation that turns every score round leaves an AUC of one less the AUC."""
    asked = []

    def perturb(rows: pd.DataFrame) -> dict[str, Any]:
        asked.append(len(rows))
        p_fake = rows["p_fake"].to_numpy(np.float32)
        return {each.name: (1 - p_fake if each.name == "grey" else p_fake) for each in PERTURBATIONS}

    params = EvaluateParams(bootstrap=100, perturbed=20)
    evaluation = evaluate(**splits, threshold=0.5, false_alarm=0.9, params=params, perturb=perturb)
    found = evaluation.report["grid"]
    assert {"grey", "JPEG 30"} <= set(evaluation.plots["grid"].astype(str).to_numpy().ravel())
    assert found["each"] == 20
    cells = {cell["name"]: cell for cell in found["sets"]["trained_on"]["cells"]}
    clean = found["sets"]["trained_on"]["clean"]
    assert sum(each["clean"]["n"] for each in found["sets"].values()) == asked[0]
    assert cells["grey"]["roc_auc"] == pytest.approx(1 - clean["roc_auc"], abs=1e-5)
    assert cells["blur σ 1"]["drop"]["roc_auc"] == 0


def test_figures_have_six_decimals(report: dict[str, Any]) -> None:
    """So that the report's bytes do not hang on the last bit."""
    numbers = [float(text) for text in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", json.dumps(report))]
    assert len(numbers) > 100
    assert all(round(number, 6) == number for number in numbers)
