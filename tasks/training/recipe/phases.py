"""The faces of each phase of a training, as batches for Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.scoring.crops import by_shard, read_shard
from tasks.training.batches.augment import Augmenter
from tasks.training.batches.loader import CropStore, FaceBatches
from tasks.training.recipe.recipes import Phase, Recipe, TransformSpec
from tasks.training.recipe.splits import Split, at_most, of_phase

MIRROR = (TransformSpec(name="HorizontalFlip", arguments={"p": 1.0}),)
NAMED = 3  # faces of a batch that an error names


@dataclass(frozen=True)
class PhaseFaces:
    """What one phase trains on and chooses by; `further` are the training faces again (ridge phases)."""

    train: FaceBatches
    valid: FaceBatches
    class_weight: dict[int, float] | None
    rows: Split
    faces: Path
    batch_size: int
    further: tuple[FaceBatches, ...] = ()

    def members(self, epoch: int, batch: int) -> list[str]:
        """Return where the first faces of a training batch come from, as `dataset/member`."""
        order = self.train.order(epoch)[batch * self.batch_size :][: min(NAMED, self.batch_size)]
        rows = self.rows.rows.iloc[order]
        found = []
        for (dataset, shard), places in by_shard(rows):
            part = rows.iloc[places]
            table = read_shard(self.faces, dataset, shard, part["row"].tolist(), part["face_id"].tolist(), ["member"])
            found += [f"{dataset}/{member}" for member in table.column("member").to_pylist()]
        return found


class TrainingFaces:
    """Makes the batches of each phase; decoded faces are kept as long as the phases use the same data sets."""

    def __init__(self, recipe: Recipe, splits: Mapping[str, Split], faces: Path, seed: int, workers: int) -> None:
        self._recipe = recipe
        self._splits = splits
        self._faces = faces
        self._seed = seed
        self._workers = workers
        self._kept: tuple[tuple[tuple[str, ...] | None, int], dict[str, CropStore]] | None = None

    def of(self, phase: Phase) -> PhaseFaces:
        """Return the batches of `phase`; raises FauxfaceError as of_phase and Augmenter do.

        Those of a ridge phase are of as many faces as `phase.faces` looks allow, in their order: as they are stored;
        `further` are the same mirrored and, where the phase changes anything, changed.
        """
        splits = of_phase(self._splits, phase)
        ridge = phase.method == "ridge"
        if phase.most_faces is not None:
            splits["train"] = at_most(splits["train"], phase.most_faces, self._seed)
        stores = self._stores(phase.datasets, splits)
        weighted = self._recipe.class_weights and phase.draw == "faces"
        weights = balanced_weights(splits["train"].labels) if weighted else None
        train, further = self._augmented(stores["train"], splits["train"], phase), ()
        if ridge:
            changed = (train,) if phase.changes else ()
            mirrored = phase.model_copy(update={"augmentation": MIRROR, "equalise": None})
            further = (self._augmented(stores["train"], splits["train"], mirrored), *changed)
            train = self._plain(stores["train"], splits["train"])
        valid = self._plain(stores["valid"], splits["valid"])
        return PhaseFaces(train, valid, weights, splits["train"], self._faces, self._recipe.batch_size, further)

    def _augmented(self, store: CropStore, split: Split, phase: Phase) -> FaceBatches:
        return FaceBatches(
            store,
            split.labels,
            self._recipe.batch_size,
            seed=self._seed,
            shuffle=phase.method == "gradient",
            shares=source_shares(split, phase.self_blended) if phase.draw == "sources" else None,
            draws=max(len(split.labels), phase.least_draws) if phase.draw == "sources" else None,
            augmenter=Augmenter(phase.augmentation, self._recipe.input_size, phase.equalise, phase.self_blended),
            workers=self._workers,
        )

    def valid(self) -> FaceBatches:
        """Return the whole validation split, in its order, as it was stored."""
        return self._plain(self._stores(None, self._splits)["valid"], self._splits["valid"])

    def _plain(self, store: CropStore, split: Split) -> FaceBatches:
        return FaceBatches(store, split.labels, self._recipe.batch_size, workers=self._workers)

    def _stores(self, datasets: tuple[str, ...] | None, splits: Mapping[str, Split]) -> dict[str, CropStore]:
        key = (datasets, len(splits["train"].rows))
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # its memory is needed for the next
            size = self._recipe.input_size
            made = {name: CropStore(split.rows, self._faces, size, self._workers) for name, split in splits.items()}
            self._kept = (key, made)
        return self._kept[1]


def source_shares(split: Split, blended: float) -> NDArray[np.float64]:
    """Return the share of an epoch, (n,), that each face has when its data sets are balanced; they add up to 1.

    Half of what the network sees is fake, `blended` reals among them; within a class, a data set of n faces has a share
    in proportion to the square root of n.
    """
    real = 0.5 / (1 - blended)
    shares = split.rows.groupby(["dataset", "label"])["label"].transform("size").to_numpy(np.float64) ** -0.5
    for label, share in ((0, real), (1, 1 - real)):
        chosen = split.labels == label
        shares[chosen] *= share / shares[chosen].sum()
    return shares


def balanced_weights(labels: NDArray[np.int8]) -> dict[int, float]:
    """Return the weight of each class that makes both count the same: n / (2 n_class)."""
    counts = np.bincount(labels, minlength=2)
    return {label: float(len(labels) / (2 * count)) for label, count in enumerate(counts)}
