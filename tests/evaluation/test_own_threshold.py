"""Thresholds from a user's own photographs, and the bounds of the three answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from tasks.evaluation.confidence import clopper_pearson
from tasks.evaluation.own_threshold import calibrated_card, refuse_place, require_enough, write_calibrated
from tasks.evaluation.threshold import answer_bounds, needed_for, own_threshold
from tasks.params import FauxfaceError
from tasks.scoring.card import Answers, load_card
from tests.flows.stand_in import write_stand_in


def test_other_photographs_are_called_fake_at_the_rate_asked_for() -> None:
    random = np.random.default_rng(1)
    for n, rate in ((99, 0.01), (150, 0.05), (19, 0.05), (400, 0.01)):
        shares = [np.mean(random.random(2000) >= own_threshold(random.random(n), rate)) for _ in range(300)]
        assert rate * 0.75 < np.mean(shares) + rate / 2 < rate * 1.65  # the mean of the shares is at most the rate
        assert np.mean(shares) < rate * 1.15


@pytest.mark.parametrize(("rate", "needed"), [(0.01, 99), (0.05, 19), (0.001, 999), (0.5, 1), (0.03, 33)])
def test_how_many_photographs_a_rate_needs(rate: float, needed: int) -> None:
    assert needed_for(rate) == needed
    require_enough(needed, rate)
    with pytest.raises(FauxfaceError, match=rf"it takes {needed} \(better"):
        require_enough(needed - 1, rate)
    scores = np.linspace(0.1, 0.9, needed)
    assert own_threshold(scores, rate) > 0.9 or rate == 0.5


@pytest.mark.parametrize("scores", [np.zeros(99), np.ones(99), np.full(99, np.float32(0.3))])
def test_photographs_with_the_same_score_are_all_real(scores: np.ndarray) -> None:
    threshold = own_threshold(scores, 0.01)
    assert not np.any(scores >= threshold)
    assert threshold == np.float32(threshold)


def test_the_interval_is_exact() -> None:
    for hits, n in ((0, 99), (2, 200), (7, 7)):
        low, high = clopper_pearson(hits, n)
        assert (binom.sf(hits - 1, n, low) if hits else 0.025) == pytest.approx(0.025)
        assert (binom.cdf(hits, n, high) if hits < n else 0.025) == pytest.approx(0.025)


def test_the_card_says_where_its_threshold_is_from(tmp_path: Path) -> None:
    write_stand_in(tmp_path / "model")
    card = load_card(tmp_path / "model").changed(answers=Answers(real_below=0.4, fake_from=0.9, rate=0.05))
    scores = np.linspace(0.0, 0.3, 199).astype(np.float32).tolist()
    new = calibrated_card(card, scores, 0.01)
    assert new.threshold == new.threshold_false_alarm
    assert sum(score >= new.threshold for score in scores) == 1  # 1 % of 200, less one
    assert new.answers is not None
    assert (new.answers.fake_from, new.answers.real_below) == (new.threshold, new.threshold)
    assert new.calibrated is not None
    assert (new.calibrated.photographs, new.calibrated.false_alarms) == (199, 1)
    assert new.calibrated.interval == clopper_pearson(1, 199)
    assert new.calibrated.from_model == card.model_id != new.model_id
    with pytest.raises(FauxfaceError, match="98 photographs with a face are too few for 1 %"):
        calibrated_card(card, scores[:98], 0.01)


def test_only_a_model_is_replaced_and_never_the_one_it_is_made_of(tmp_path: Path) -> None:
    write_stand_in(tmp_path / "model")
    card = calibrated_card(load_card(tmp_path / "model"), [0.1] * 99, 0.01)
    out = tmp_path / "out"
    refuse_place(out, tmp_path / "model")
    for _ in range(2):
        write_calibrated(tmp_path / "model", card, out)
        assert load_card(out) == card
        refuse_place(out, tmp_path / "model")
    (tmp_path / "photographs").mkdir()
    for place, said in (("photographs", "holds no model"), ("model", "is the model itself")):
        with pytest.raises(FauxfaceError, match=said):
            refuse_place(tmp_path / place, tmp_path / "model")
    (tmp_path / "file").write_text("")
    with pytest.raises(FauxfaceError, match="cannot be written"):
        write_calibrated(tmp_path / "model", card, tmp_path / "file" / "model")


def test_the_bounds_keep_to_the_rate_with_sources_alike() -> None:
    random = np.random.default_rng(2)
    sources = np.repeat(["large", "small"], [900, 100])
    labels = np.tile([0, 1], 500)
    shift = np.where(sources == "small", 2.0, 0.0)  # the small one's photographs look faker
    p_fake = 1 / (1 + np.exp(-(3 * labels - 1.5 + shift + random.normal(0, 1, 1000))))
    real_below, fake_from = answer_bounds(labels, p_fake, sources, 0.1)
    alarms = [np.mean(p_fake[(labels == 0) & (sources == name)] >= fake_from) for name in ("large", "small")]
    misses = [np.mean(p_fake[(labels == 1) & (sources == name)] < real_below) for name in ("large", "small")]
    assert np.mean(alarms) <= 0.1 < np.mean(alarms) + 0.025
    assert np.mean(misses) <= 0.1 < np.mean(misses) + 0.025
    assert alarms[1] > 2 * alarms[0]


def test_bounds_of_classes_that_are_far_apart_leave_nothing_between() -> None:
    labels, p_fake = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    real_below, fake_from = answer_bounds(labels, p_fake, np.array(["a"] * 4), 0.05)
    assert [real_below, fake_from] == pytest.approx([0.5, 0.5])
    assert answer_bounds(labels, np.full(4, 0.5), np.array(["a"] * 4), 0.05)[1] > 0.5
