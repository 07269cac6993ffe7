"""What stages say when they are done: tables that add up."""

from __future__ import annotations

from typing import Any

from tasks.cropping.crop_text import crop_lines
from tasks.manifests.left_out import split_lines
from tasks.scoring.text import overview_lines
from tasks.training.trained_text import trained_lines


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_the_statuses_of_a_crop_have_their_shares_where_there_are_several() -> None:
    metrics: dict[str, Any] = {"inputs": 1200, "faces": 1100, "images_per_second": 74.4}
    *table, last = crop_lines("photos", {**metrics, "status": {"ok": 1080, "no_face": 120}})
    rows = [" ".join(line.split()) for line in table]
    assert rows == ["status inputs share", "ok 1,080 90.0 %", "no_face 120 10.0 %"]
    assert last == "photos: 1200 inputs = 1080 ok, 120 no_face; 1100 faces; 74 images/s"
    assert len(crop_lines("photos", {**metrics, "status": {"ok": 1200}})) == 1


def test_a_split_is_told_by_data_set_and_label() -> None:
    sides = {"train": 1400, "valid": 20, "test": 30, "dropped": 1}
    nothing = {"unlabelled": 0, "contradictory": 0}
    report = {
        "faces": {**sides, **nothing},
        "datasets": {"one": {"use": "split", "real": sides, "fake": None}, "two": {"use": "test", "fake": sides}},
        "warnings": ["mind this"],
    }
    head, one, two, total, warning = split_lines(report)
    assert head.split() == ["data", "set", "use", "label", "train", "valid", "test", "dropped"]
    assert one.split() == ["one", "split", "real", "1,400", "20", "30", "1"]
    assert two.split() == ["two", "test", "fake", "1,400", "20", "30", "1"]
    assert total.startswith("faces: 1400 train, 20 valid, 30 test, 1 dropped")
    assert warning == "mind this"


def test_a_training_tells_its_epochs_and_what_chose_the_threshold() -> None:
    report = {
        "recipe": "cnn3",
        "train_faces": 1099,
        "epochs": 10,
        "best_epoch": 4,
        "threshold": 0.5638,
        "valid_faces": 269,
        "valid_auc": 0.8481,
        "model_id": "f81f5c2aa810",
    }
    said = dict(cells(line)[:2] for line in trained_lines(report))
    assert said["epochs"] == "10, of which 4 was the best"
    assert said["threshold"] == "0.564, chosen on 269 other faces (valid)"
    assert said["valid AUC"].startswith("0.848, of these faces")
    assert dict(cells(line)[:2] for line in trained_lines({**report, "epochs": 1}))["epochs"] == "1"


def test_several_archives_are_set_side_by_side() -> None:
    entry = {"inputs": 1300, "status": {"ok": 1200, "no_face": 60, "truncated": 40}, "fake_images": 7}
    archives = {"one": {**entry, "image_verdicts": {"unsure": 5}}, "two\n": {**entry, "image_verdicts": {}}}
    head, one, two = overview_lines(archives)
    assert head.split() == ["archive", "inputs", "with", "a", "face", "failed", "called", "fake", "unsure"]
    assert one.split() == ["one", "1,300", "1,200", "40", "7", "5"]
    assert two.split() == ["two\\n", "1,300", "1,200", "40", "7", "0"]
    assert overview_lines({"one": archives["one"]}) == []
