"""Batches of faces for Keras: the same faces in the same order with the same augmentation, whatever the workers."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.scoring.crops import by_shard, read_crops
from tasks.training.batches.augment import Augmenter

# Decoded faces kept in memory: 2 GiB hold 43,000 of 128 pixels. Beyond it shards are read again as they are needed.
BUDGET = 2 * 1024**3

ORDER, AUGMENTATION = 0, 1  # streams of random numbers drawn from one seed
AHEAD = 8  # batches made before the network asks for them

Batch = tuple[NDArray[np.uint8], NDArray[np.float32]]


class CropStore:
    """The faces of a manifest by their position in it: decoded shard by shard, kept as uint8 while they fit."""

    def __init__(self, manifest: pd.DataFrame, faces: Path, size: int, workers: int, budget: int = BUDGET) -> None:
        self.size = size
        self._manifest = manifest
        self._faces = faces
        self._shards = by_shard(manifest)
        self._shard_of = np.empty(len(manifest), np.int64)
        self._row_of = np.empty(len(manifest), np.int64)
        for number, (_, positions) in enumerate(self._shards):
            self._shard_of[positions] = number
            self._row_of[positions] = np.arange(len(positions))
        largest = max(len(positions) for _, positions in self._shards) * size * size * 3
        self._capacity = max(budget // largest, 2)
        self._decoded: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max(workers, 1))

    def pixels(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the faces at `positions`, (n, size, size, 3) uint8 RGB: a copy, free to be changed."""
        pixels = np.empty((len(positions), self.size, self.size, 3), np.uint8)
        shards = self._shard_of[positions]
        for number in np.unique(shards):
            chosen = shards == number
            pixels[chosen] = self._shard(int(number))[self._row_of[positions[chosen]]]
        return pixels

    def blocks(self) -> list[NDArray[np.int64]]:
        """Return the positions in each shard; shards that fit into memory together are one block."""
        if len(self._shards) <= self._capacity:
            return [np.arange(len(self._manifest))]
        return [positions for _, positions in self._shards]

    def blocks_at_once(self) -> int:
        """Return how many blocks may be shuffled together: half of what fits, for the next ones are read meanwhile."""
        return max(self._capacity // 2, 1)

    def _shard(self, number: int) -> NDArray[np.uint8]:
        with self._lock:
            found = self._decoded.get(number)
            if found is None:
                found = self._read(number)
                self._decoded[number] = found
            self._decoded.move_to_end(number)
            while len(self._decoded) > self._capacity:
                self._decoded.popitem(last=False)
            return found

    def _read(self, number: int) -> NDArray[np.uint8]:
        (dataset, shard), positions = self._shards[number]
        part = self._manifest.iloc[positions]
        rows, face_ids = part["row"].tolist(), part["face_id"].tolist()
        return read_crops(self._faces, dataset, shard, rows, face_ids, self.size, self._pool)


class FaceBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches (pixels (n, size, size, 3) uint8, labels (n, 1) float32) for `fit`, `evaluate` and `predict`.

    With `shuffle` each epoch has its own order; set `epoch` before it begins. With `shares` (n,), which add up to 1, an
    epoch takes each face as often as its share of `draws` says, and real and fake ones in turn. Without
    an augmenter the pixels are the stored ones; with one that blends, some reals become fakes. While one batch is used,
    `workers` threads make the next ones.

    Those threads are not Keras' own: with more than one worker its `fit` looks at a first batch on JAX and PyTorch
    (Keras 3.15), keeps what was read ahead of that, and then feeds some batches of the first epoch twice and others not
    at all.
    """

    def __init__(
        self,
        store: CropStore,
        labels: NDArray[np.int8],
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = False,
        shares: NDArray[np.float64] | None = None,
        draws: int | None = None,
        augmenter: Augmenter | None = None,
        workers: int = 1,
    ) -> None:
        super().__init__()
        self.epoch = 0
        self._store = store
        self._labels = labels.astype(np.float32).reshape(-1, 1)
        self._batch_size = batch_size
        self._seed = seed
        self._shuffle = shuffle
        self._shares = shares
        self.draws = len(labels) if draws is None else draws
        self._augmenter = augmenter
        self._orders: dict[int, NDArray[np.int64]] = {}
        self._threads = ThreadPoolExecutor(max(workers, 1))
        self._coming: dict[tuple[int, int], Future[Batch]] = {}
        self._lock = threading.Lock()

    @property
    def labels(self) -> NDArray[np.int8]:
        """The labels (n,) of all faces, in the order of the manifest."""
        return self._labels[:, 0].astype(np.int8)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return math.ceil(self.draws / self._batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Return batch `index` of the current epoch and have those after it made; any thread may ask."""
        epoch = self.epoch
        wanted = [(epoch, number) for number in range(index, min(index + 1 + AHEAD, len(self)))]
        with self._lock:
            known = self._coming
            self._coming = {key: known.get(key) or self._threads.submit(self._make, *key) for key in wanted}
            batch = self._coming[wanted[0]]
        return batch.result()

    def _make(self, epoch: int, index: int) -> Batch:
        first = index * self._batch_size
        chosen = self.order(epoch)[first : first + self._batch_size]
        pixels, labels = self._store.pixels(chosen), self._labels[chosen]
        if self._augmenter is not None:
            for row in range(len(chosen)):
                seed = (AUGMENTATION, self._seed, epoch, first + row)  # a place in the order: a face may come twice
                pixels[row], labels[row] = self._augmenter.labelled(pixels[row], labels[row, 0], seed)
        return pixels, labels

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the order in which an epoch visits the faces, (draws,) positions, decided by the seed and the epoch.

        A permutation, or with shares some faces several times and others not at all. Where not all shards fit into
        memory, they are drawn in random order and shuffled in groups that do fit.
        """
        order = self._orders.get(epoch)
        if order is None:
            order = self._draw(epoch)
            self._orders = {epoch: order}
        return order

    def _draw(self, epoch: int) -> NDArray[np.int64]:
        if not self._shuffle:
            return np.arange(len(self._labels))
        random = np.random.default_rng((ORDER, self._seed, epoch))
        blocks = self._store.blocks()
        drawn = [blocks[number] for number in random.permutation(len(blocks))]
        step = self._store.blocks_at_once()
        groups = [np.concatenate(drawn[start : start + step]) for start in range(0, len(drawn), step)]
        if self._shares is None:
            return np.concatenate([random.permutation(group) for group in groups])
        times = drawn_times(self._shares, self.draws, random)
        return np.concatenate([self._in_turn(np.repeat(group, times[group]), random) for group in groups])

    def _in_turn(self, positions: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        """Return positions shuffled so that any stretch of them has as much of each class as all of them."""
        shuffled = random.permutation(positions)
        fake = self._labels[shuffled, 0] == 1
        places = np.empty(len(shuffled))
        for chosen in (fake, ~fake):
            count = int(np.count_nonzero(chosen))
            places[chosen] = (np.arange(count) + random.random()) / max(count, 1)
        return shuffled[np.argsort(places, kind="stable")]


def drawn_times(shares: NDArray[np.float64], draws: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return how often each of n faces is taken in `draws` by their shares: the expected number, rounded at random.

    The draws lie at equal distances (systematic sampling), so that the numbers add up to `draws` exactly.
    """
    order = random.permutation(len(shares))
    ends = np.floor(np.cumsum(shares[order] * draws) + random.random()).astype(np.int64)
    ends[-1] = draws  # whatever the sum was rounded to
    times = np.empty(len(shares), np.int64)
    times[order] = np.diff(ends, prepend=0)
    return times
