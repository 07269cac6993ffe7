"""Epochs in which data sets are balanced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.scoring.crops import read_manifest
from tasks.training.batches.loader import CropStore, FaceBatches, drawn_times
from tasks.training.recipe.phases import source_shares
from tasks.training.recipe.splits import Split

SIDE = 48


def split_of(counts: dict[tuple[str, int], int]) -> Split:
    rows = pd.DataFrame([{"dataset": name, "label": label} for (name, label), n in counts.items() for _ in range(n)])
    return Split(Path("train.parquet"), rows, rows["label"].to_numpy(np.int8))


def test_sources_count_by_the_root_of_their_size_and_classes_the_same() -> None:
    split = split_of({("a", 0): 400, ("b", 0): 100, ("a", 1): 25, ("c", 1): 100})
    shares = source_shares(split, 0.0)
    by = split.rows.assign(share=shares).groupby(["dataset", "label"])["share"].sum()
    assert np.allclose([by["a", 0], by["b", 0]], [1 / 3, 1 / 6])
    assert np.allclose([by["a", 1], by["c", 1]], [1 / 6, 1 / 3])


def test_reals_that_become_fakes_leave_the_classes_even() -> None:
    shares = source_shares(split_of({("a", 0): 10, ("a", 1): 40}), 0.2)
    reals = shares[:10].sum()
    assert np.isclose(reals * 0.8, 0.5)
    assert np.isclose(shares.sum(), 1)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=200), st.integers(1, 999), st.integers(0, 2**31))
def test_each_face_is_drawn_as_often_as_its_share_says(weights: list[float], draws: int, seed: int) -> None:
    shares = np.array(weights) / np.sum(weights)
    times = drawn_times(shares, draws, np.random.default_rng(seed))
    assert times.sum() == draws
    assert (times >= 0).all()
    assert (np.abs(times - shares * draws) < 1 + 1e-6).all()


def test_a_balanced_epoch_is_as_long_mixed_evenly_and_anew_every_time(toy: Any) -> None:
    manifest = read_manifest(toy.manifests / "train.parquet")
    rare = manifest["label"].to_numpy() == 1
    rare[::4] = False
    manifest = manifest[(manifest["label"] == 0) | rare].reset_index(drop=True)
    labels = manifest["label"].to_numpy(np.int8)
    shares = source_shares(Split(Path("train.parquet"), manifest, labels), 0.0)
    for draws, budget in ((len(labels), 2 * 50 * SIDE * SIDE * 3), (300, 2**30)):
        store = CropStore(manifest, toy.faces, SIDE, 1, budget)
        batches = FaceBatches(store, labels, 8, seed=1, shuffle=True, shares=shares, draws=draws)
        orders = [batches.order(epoch) for epoch in (0, 1)]
        assert all(len(order) == draws for order in orders)
        assert len(batches) == -(-draws // 8)
        assert [len(batches[number][1]) for number in (0, len(batches) - 1)] == [8, (draws - 1) % 8 + 1]
        assert not np.array_equal(orders[0], orders[1])
        assert abs(labels[orders[0]].mean() - 0.5) < 0.05
    order = orders[0]  # all in memory: any eight faces in a row are half fake
    halves = [labels[order[start : start + 8]].mean() for start in range(0, len(order) - 8, 8)]
    assert max(abs(half - 0.5) for half in halves) <= 0.25
