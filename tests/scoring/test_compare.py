"""Two scorings side by side: a model changed on purpose gives the flips expected, the same gives none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.params import CompareParams, FauxfaceError
from tasks.scoring.compare import compare, comparison_folder, known_comparison, warnings
from tasks.scoring.ledger import Scoring, read_scoring
from tasks.scoring.record import FINISHED
from tasks.scoring.store import ScoreStore
from tasks.scoring.text import comparison_lines
from tests.scoring.made import empty_row, face_row, make_scoring

OTHER = "abcdef012345"
CHANGED = "e" * 64
LIMITS = CompareParams()
SCORES = np.random.default_rng(8).random(60)
FAILED = [empty_row(60, "no_face"), empty_row(61, "no_face"), empty_row(62, "truncated")]


def rows_of(scores: Any) -> list[dict[str, Any]]:
    return [face_row(index, float(value)) for index, value in enumerate(scores)]


@pytest.fixture
def store(tmp_path: Path) -> ScoreStore:
    return ScoreStore(str(tmp_path / "scores"))


@pytest.fixture
def before(store: ScoreStore) -> Scoring:
    return make_scoring(store, "dump", [*rows_of(SCORES), *FAILED])


def test_the_same_model_gives_no_flips_and_no_warning(store: ScoreStore, before: Scoring, tmp_path: Path) -> None:
    again = make_scoring(store, "dump", [*rows_of(SCORES), *FAILED], model=OTHER)
    found = compare(before, again, LIMITS, tmp_path)
    assert found["joined"] == 63
    assert found["flips"]["judged"] == 60
    assert (found["flips"]["to_fake"], found["flips"]["to_real"], found["flips"]["rate"]) == (0, 0, 0)
    assert (found["spearman"], found["status_psi"], found["transitions"]) == (1, 0, [])
    assert found["shift"]["overall"] == found["shift"]["same_images"] == found["status"]["ok"]["shift"]
    assert (found["shift"]["overall"]["psi"], found["shift"]["overall"]["ks"]) == (0, 0)
    assert found["no_face"] == {"a": round(2 / 62, 6), "b": round(2 / 62, 6), "difference": 0}
    assert found["warnings"] == []
    assert pd.read_parquet(comparison_folder(before, again, tmp_path) / "flips.parquet").empty


def test_a_model_changed_on_purpose_gives_the_flips_expected(
    store: ScoreStore, before: Scoring, tmp_path: Path
) -> None:
    moved = np.clip(SCORES - 0.2, 0, 1)
    after = make_scoring(store, "dump", [*rows_of(moved), *FAILED], model=OTHER)
    found = compare(before, after, LIMITS, tmp_path)
    expected = [index for index, value in enumerate(SCORES) if value >= 0.5 > moved[index]]
    assert (found["flips"]["to_real"], found["flips"]["to_fake"]) == (len(expected), 0)
    flips = pd.read_parquet(comparison_folder(before, after, tmp_path) / "flips.parquet")
    assert sorted(flips["index_a"]) == expected == sorted(flips["index_b"])
    assert flips["is_fake_a"].all()
    assert not flips["is_fake_b"].any()
    np.testing.assert_allclose(flips["p_fake_a"], SCORES[flips["index_a"]], rtol=1e-6)
    changes = (flips["p_fake_a"] - flips["p_fake_b"]).abs()
    assert changes.is_monotonic_decreasing
    examples = found["flips"]["examples"]["to_real"]
    assert [each["member"] for each in examples] == flips["member_b"].head(10).tolist()
    assert len(found["warnings"]) == 2
    assert "PSI" in found["warnings"][0]
    assert "of the verdicts flipped, more than 5 %" in found["warnings"][1]
    assert warnings(found, CompareParams(psi=100, flips=1)) == []
    assert "WARNING: p_fake shifted" in "\n".join(comparison_lines(found))


def test_what_is_written_is_what_is_returned(store: ScoreStore, before: Scoring, tmp_path: Path) -> None:
    after = make_scoring(store, "dump", rows_of(SCORES[::-1]), model=OTHER)
    assert known_comparison(before, after, tmp_path) is None
    found = compare(before, after, LIMITS, tmp_path)
    assert known_comparison(before, after, tmp_path) == json.loads(json.dumps(found)) == found
    assert known_comparison(after, before, tmp_path) is None


def test_statuses_and_faces_lost_are_counted(store: ScoreStore, before: Scoring, tmp_path: Path) -> None:
    rows = [*rows_of(SCORES), *FAILED]
    for index in (3, 4, 5):
        rows[index] = empty_row(index, "no_face")
    rows[62] = face_row(62, 0.99)
    found = compare(before, make_scoring(store, "dump", rows, model=OTHER), LIMITS, tmp_path)
    assert found["transitions"] == [
        {"a": "ok", "b": "no_face", "inputs": 3},
        {"a": "truncated", "b": "ok", "inputs": 1},
    ]
    assert (found["status"]["no_face"]["a"], found["status"]["no_face"]["b"]) == (2, 5)
    assert (found["status"]["truncated"]["b"], found["status"]["truncated"]["shift"]["psi"]) == (0, None)
    assert found["no_face"]["difference"] == round(5 / 63, 6) - round(2 / 62, 6)
    assert found["flips"]["judged"] == 57
    assert (found["shift"]["overall"]["n_a"], found["shift"]["overall"]["n_b"]) == (60, 58)
    assert (found["shift"]["same_images"]["n_a"], found["shift"]["same_images"]["n_b"]) == (57, 57)
    assert found["status_psi"] > 0


def test_images_of_a_changed_archive_are_told_by_their_bytes(
    store: ScoreStore, before: Scoring, tmp_path: Path
) -> None:
    """The archive was packed anew: other order, other folder, one file replaced, one gone, one new."""
    kept = [{**face_row(index, SCORES[index]), "member": f"new/{index}.jpg"} for index in range(58, -1, -1)]
    replaced = face_row(59, 0.5, member="59.jpg", image_id="a" * 64)
    rows = [*kept, replaced, face_row(0, 0.1, image_id="b" * 64, member="added.jpg"), *FAILED[:2]]
    after = make_scoring(
        store, "dump", [{**row, "index": place} for place, row in enumerate(rows)], fingerprint=CHANGED
    )
    found = compare(before, after, LIMITS, tmp_path)
    assert found["joined"] == 59 + 2, "59 pictures by their bytes, 2 failures by their path"
    assert found["changed_files"] == 1
    assert found["flips"] == {**found["flips"], "judged": 59, "to_fake": 0, "to_real": 0}
    assert found["spearman"] == 1


def test_members_that_share_a_path_or_their_bytes_stay_apart(store: ScoreStore, tmp_path: Path) -> None:
    twins = [
        face_row(index, value, member="same.jpg", image_id="c" * 64) for index, value in enumerate((0.1, 0.9, 0.4))
    ]
    one = make_scoring(store, "dump", twins)
    other = make_scoring(store, "dump", twins, model=OTHER)
    repacked = make_scoring(store, "dump", twins, fingerprint=CHANGED)
    for after in (other, repacked):
        found = compare(one, after, LIMITS, tmp_path)
        assert (found["joined"], found["changed_files"]) == (3, 0)
        assert (found["flips"]["judged"], found["flips"]["rate"]) == (3, 0)


def test_archives_without_a_face_have_figures_that_say_so(store: ScoreStore, tmp_path: Path) -> None:
    failed = [empty_row(0, "truncated"), empty_row(1, "not_an_image")]
    one, other = make_scoring(store, "dump", failed), make_scoring(store, "dump", failed, model=OTHER)
    found = compare(one, other, LIMITS, tmp_path)
    assert (found["flips"]["rate"], found["spearman"], found["no_face"]["a"]) == (None, None, None)
    assert found["shift"]["overall"]["psi"] is None
    assert found["warnings"] == []
    assert "not defined" in "\n".join(comparison_lines(found))


def test_other_settings_are_told(store: ScoreStore, before: Scoring, tmp_path: Path) -> None:
    after = make_scoring(store, "dump", [*rows_of(SCORES), *FAILED], model=OTHER)
    assert after.record is not None
    other = after.record.model_copy(update={"params": {**after.record.params, "verdict": "mean"}})
    after.folder.write_json(FINISHED, other.model_dump(mode="json"))
    lines = comparison_lines(compare(before, read_scoring(after.folder), LIMITS, tmp_path))
    assert "  settings differ: keep=all verdict=max shard=3 and keep=all verdict=mean shard=3" in lines
    assert not any("settings" in line for line in comparison_lines(compare(before, after, LIMITS, tmp_path)))


def test_an_unfinished_scoring_is_not_compared(store: ScoreStore, before: Scoring, tmp_path: Path) -> None:
    half = make_scoring(store, "dump", rows_of(SCORES), model=OTHER, complete=False)
    with pytest.raises(FauxfaceError, match="not completely scored"):
        compare(before, half, LIMITS, tmp_path)
    assert not (tmp_path / "compare").exists()


def test_a_figure_on_its_limit_is_no_warning() -> None:
    found: dict[str, Any] = {"shift": {"overall": {"psi": 0.2}}, "flips": {"rate": 0.05}}
    assert warnings(found, CompareParams(psi=0.2, flips=0.05)) == []
    assert len(warnings(found, CompareParams(psi=0.199, flips=0.05))) == 1
    assert len(warnings(found, CompareParams(psi=0.2, flips=0.049))) == 1


def test_flips_in_both_directions_are_told_apart(store: ScoreStore, tmp_path: Path) -> None:
    """Of sixteen images twelve become fake and two real; of each direction ten examples at most are shown."""
    old = [0.4] * 12 + [0.6, 0.7, 0.9, 0.1]
    new = [0.5 + number / 100 for number in range(12)] + [0.3, 0.1, 0.8, 0.2]
    rows = rows_of(old)
    before = make_scoring(store, "dump", rows)
    found = compare(before, make_scoring(store, "dump", rows_of(new), model=OTHER), LIMITS, tmp_path)["flips"]
    assert (found["judged"], found["to_fake"], found["to_real"], found["rate"]) == (16, 12, 2, 14 / 16)
    assert [each["member"] for each in found["examples"]["to_fake"]] == [f"{number}.jpg" for number in range(11, 1, -1)]
    assert found["examples"]["to_real"] == [
        {"member": "13.jpg", "p_fake_a": 0.7, "p_fake_b": 0.1},
        {"member": "12.jpg", "p_fake_a": 0.6, "p_fake_b": 0.3},
    ]


def test_shares_and_shifts_are_those_of_each_status(store: ScoreStore, tmp_path: Path) -> None:
    before = make_scoring(store, "dump", [*rows_of([0.1, 0.9, 0.3]), empty_row(3, "no_face")])
    rows = [*rows_of([0.2, 0.8]), empty_row(2, "truncated"), empty_row(3, "truncated")]
    found = compare(before, make_scoring(store, "dump", rows, model=OTHER), LIMITS, tmp_path)
    shares = {name: (each["share_a"], each["share_b"]) for name, each in found["status"].items()}
    assert shares == {"no_face": (0.25, 0), "ok": (0.75, 0.5), "truncated": (0, 0.5)}
    p, q = np.array([0.25, 0.75, 1e-4]), np.array([1e-4, 0.5, 0.5])
    assert found["status_psi"] == pytest.approx(((q - p) * np.log(q / p)).sum(), abs=1e-6)
    assert (found["status"]["ok"]["shift"]["mean_a"], found["status"]["ok"]["shift"]["n_b"]) == (
        pytest.approx(1.3 / 3, abs=1e-6),
        2,
    )
    assert found["no_face"] == {"a": 0.25, "b": 0, "difference": -0.25}
    assert found["transitions"] == [
        {"a": "ok", "b": "truncated", "inputs": 1},
        {"a": "no_face", "b": "truncated", "inputs": 1},
    ]
