from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.manifests.schemas import FACES, shard_name
from tasks.params import FauxfaceError
from tasks.scoring.crops import load_crops, read_manifest
from tasks.training.batches.augment import Augmenter
from tasks.training.batches.loader import CropStore, FaceBatches
from tasks.training.recipe.phases import TrainingFaces
from tasks.training.recipe.recipes import TransformSpec, load_recipe
from tasks.training.recipe.splits import read_split

SIDE = 48
TINY = 2 * 50 * SIDE * SIDE * 3  # two of the toy's shards
FLIP = TransformSpec(name="HorizontalFlip", arguments={"p": 0.5})


@pytest.fixture
def manifest(toy: Any) -> pd.DataFrame:
    return read_manifest(toy.manifests / "train.parquet")


@pytest.fixture
def stored(toy: Any, manifest: pd.DataFrame) -> np.ndarray:
    return load_crops(manifest, toy.faces, SIDE, 2)


def batches_of(toy: Any, manifest: pd.DataFrame, **settings: Any) -> FaceBatches:
    store = CropStore(manifest, toy.faces, SIDE, 2, **settings)
    augmenter = Augmenter([FLIP], SIDE)
    labels = manifest["label"].to_numpy(np.int8)
    return FaceBatches(store, labels, 12, seed=4, shuffle=True, augmenter=augmenter, workers=2)


def test_crops_come_as_they_were_stored(toy: Any, stored: np.ndarray) -> None:
    table = pq.read_table(toy.faces / "toy" / shard_name(1))
    png = table.column("image")[7]["bytes"].as_py()
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    expected = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    assert np.array_equal(stored[57], expected)


@settings(deadline=None, max_examples=20)
@given(epoch=st.integers(0, 1000), seed=st.integers(0, 2**31))
def test_every_epoch_visits_every_face_once(toy: Any, epoch: int, seed: int) -> None:
    manifest = read_manifest(toy.manifests / "train.parquet")
    for budget in (TINY, 2**30):
        store = CropStore(manifest, toy.faces, SIDE, 1, budget)
        batches = FaceBatches(store, manifest["label"].to_numpy(np.int8), 7, seed=seed, shuffle=True)
        assert sorted(batches.order(epoch)) == list(range(len(manifest)))
        assert not np.array_equal(batches.order(epoch), batches.order(epoch + 1))


def test_a_batch_is_the_same_alone_and_among_many_threads(toy: Any, manifest: pd.DataFrame) -> None:
    alone = batches_of(toy, manifest)
    expected = [alone[index] for index in range(len(alone))]
    together = batches_of(toy, manifest, budget=TINY)
    together._draw = alone._draw  # type: ignore[method-assign]  # the order of a small memory is another
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(together.__getitem__, reversed(range(len(alone)))))[::-1]
    for (pixels, labels), (other_pixels, other_labels) in zip(expected, found, strict=True):
        assert np.array_equal(pixels, other_pixels)
        assert np.array_equal(labels, other_labels)


def test_augmentation_differs_from_epoch_to_epoch_and_leaves_the_store_alone(
    toy: Any, manifest: pd.DataFrame, stored: np.ndarray
) -> None:
    batches = batches_of(toy, manifest)
    seen = []
    for epoch in (0, 1):
        batches.epoch = epoch
        pixels = np.concatenate([batches[index][0] for index in range(len(batches))])
        seen.append(pixels[np.argsort(batches.order(epoch))])
    flipped = [np.array([not np.array_equal(a, b) for a, b in zip(one, stored, strict=True)]) for one in seen]
    assert 0.3 < flipped[0].mean() < 0.7
    assert not np.array_equal(flipped[0], flipped[1])
    assert np.array_equal(batches._store.pixels(np.arange(len(stored))), stored)


def test_order_and_augmentation_follow_the_seed_and_not_the_batches(toy: Any, manifest: pd.DataFrame) -> None:
    """A face is changed by seed, epoch and its own place: not by where in a batch it lies."""
    orders, seen = [], []
    for seed, size in ((4, 12), (4, 7), (5, 12)):
        store, labels = CropStore(manifest, toy.faces, SIDE, 2), manifest["label"].to_numpy(np.int8)
        batches = FaceBatches(store, labels, size, seed=seed, shuffle=True, augmenter=Augmenter([FLIP], SIDE))
        orders.append(batches.order(0))
        pixels = np.concatenate([batches[index][0] for index in range(len(batches))])
        seen.append(pixels[np.argsort(orders[-1])])
    assert np.array_equal(orders[0], orders[1])
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(orders[0], orders[2])
    assert not np.array_equal(seen[0], seen[2])


def test_a_small_memory_shuffles_whole_groups_of_shards_and_a_large_one_everything(
    toy: Any, manifest: pd.DataFrame
) -> None:
    """Two shards fit, so one is shuffled while the next is read."""
    labels = manifest["label"].to_numpy(np.int8)
    shard = manifest["shard"].to_numpy()
    changes = {}
    for budget in (TINY, 2**30):
        store = CropStore(manifest, toy.faces, SIDE, 2, budget)
        order = FaceBatches(store, labels, 12, seed=4, shuffle=True).order(0)
        changes[budget] = int(np.count_nonzero(np.diff(shard[order])))
    assert changes[TINY] == len(np.unique(shard)) - 1
    assert changes[2**30] > 20


def test_without_a_shuffle_faces_come_in_the_order_of_the_manifest(toy: Any, manifest: pd.DataFrame) -> None:
    batches = FaceBatches(CropStore(manifest, toy.faces, SIDE, 2), manifest["label"].to_numpy(np.int8), 12)
    assert batches.order(3).tolist() == list(range(len(manifest)))
    assert [len(batches[index][0]) for index in range(len(batches))] == [12] * 13 + [4]
    assert batches.labels.tolist() == manifest["label"].tolist()


def test_a_small_memory_reads_shards_again_and_holds_few(toy: Any, manifest: pd.DataFrame, stored: np.ndarray) -> None:
    batches = batches_of(toy, manifest, budget=TINY)
    batches._augmenter = None
    for index in range(len(batches)):
        pixels, labels = batches[index]
        chosen = batches.order(0)[index * 12 : index * 12 + 12]
        assert np.array_equal(pixels, stored[chosen])
        assert np.array_equal(labels[:, 0], manifest["label"].to_numpy()[chosen])
        assert len(batches._store._decoded) <= 2


def test_validation_is_never_augmented(toy: Any, tmp_path: Path) -> None:
    recipe = load_recipe(str(toy.recipe)).model_copy(
        update={"augmentation": (TransformSpec(name="InvertImg", arguments={"p": 1.0}),)}
    )
    splits = {name: read_split(toy.manifests / f"{name}.parquet") for name in ("train", "valid")}
    faces = TrainingFaces(recipe, splits, toy.faces, 1, 2).of(*recipe.stages())
    valid = np.concatenate([faces.valid[index][0] for index in range(len(faces.valid))])
    assert np.array_equal(valid, load_crops(splits["valid"].rows, toy.faces, SIDE, 2))
    pixels, _ = faces.train[0]
    chosen = faces.train.order(0)[: len(pixels)]
    assert np.array_equal(pixels, 255 - load_crops(splits["train"].rows, toy.faces, SIDE, 2)[chosen])


def test_crops_are_brought_to_the_size_of_the_network(toy: Any, manifest: pd.DataFrame) -> None:
    assert load_crops(manifest, toy.faces, 24, 2).shape == (len(manifest), 24, 24, 3)


def test_a_manifest_of_other_faces_is_refused(toy: Any, manifest: pd.DataFrame) -> None:
    swapped = manifest.assign(row=manifest["row"].to_numpy()[::-1])
    with pytest.raises(FauxfaceError, match="holds other faces than the manifest"):
        load_crops(swapped, toy.faces, SIDE, 2)
    with pytest.raises(FauxfaceError, match="holds other faces than the manifest"):
        load_crops(manifest.assign(row=manifest["row"] + 1000), toy.faces, SIDE, 2)


def test_a_missing_shard_or_manifest_says_which_stage_makes_it(
    toy: Any, manifest: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(FauxfaceError, match=r"faces-00000.parquet.*fauxface crop"):
        load_crops(manifest, tmp_path, SIDE, 2)
    with pytest.raises(FauxfaceError, match=r"train.parquet.*fauxface split"):
        read_manifest(tmp_path / "train.parquet")
    (tmp_path / "valid.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(FauxfaceError, match=r"valid.parquet: is no manifest"):
        read_manifest(tmp_path / "valid.parquet")


def test_a_crop_that_is_no_image_is_named_by_shard_and_row(toy: Any, manifest: pd.DataFrame, tmp_path: Path) -> None:
    rows = pq.read_table(toy.faces / "toy" / shard_name(0)).to_pylist()
    rows[3]["image"]["bytes"] = rows[3]["image"]["bytes"][:40]
    (tmp_path / "toy").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, FACES), tmp_path / "toy" / shard_name(0))
    with pytest.raises(FauxfaceError, match=r"faces-00000.parquet, row 3: the stored crop is no image"):
        load_crops(manifest.head(50), tmp_path, SIDE, 2)
