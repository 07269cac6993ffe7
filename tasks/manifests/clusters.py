"""What must stay on one side of the split: faces of one group, of one file, and near-duplicates, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from tasks.manifests.duplicates import Components, Ints, distinct, hash_words, near_duplicate_pairs


@dataclass(frozen=True)
class Clusters:
    """For n faces: the cluster of each (n,), numbered from 0, and the set of near-duplicates it is in (n,)."""

    cluster: Ints
    alike: Ints


@dataclass(frozen=True)
class Pairs:
    """Pairs of faces that are near-duplicates, directly or through others: by data sets, and those of both labels."""

    by_datasets: dict[tuple[str, str], int]
    different_labels: int


def find_clusters(faces: pd.DataFrame, bits: int) -> Clusters:
    """Join faces that share `dataset` and `group`, or `image_id`, or whose `phash` differ in at most `bits` bits."""
    words, which = distinct(hash_words(faces["phash"].tolist()))
    alike = Components(len(words))
    for one, other in near_duplicate_pairs(words, bits, lambda: alike.labels):
        alike.join(one, other)
    near = alike.labels[which]
    cluster = Components(len(faces))
    for codes in (near, pd.factorize(faces["image_id"])[0], _group_codes(faces)):
        cluster.join(*_chain(codes))
    return Clusters(cluster.labels, near)


def face_keys(faces: pd.DataFrame) -> pd.Series[str]:
    """Return for each face what it is split by when it is joined to no other: its group, else its image."""
    grouped = "group:" + faces["dataset"] + "/" + faces["group"].fillna("")
    return grouped.where(faces["group"].notna(), "image:" + faces["image_id"])


def cluster_keys(faces: pd.DataFrame, cluster: Ints, datasets: Sequence[str]) -> pd.Series[str]:
    """Return one key per cluster, in the order of their numbers: of its faces' keys the first.

    First is the smallest of the data set that is named first in `datasets`. So a data set added at the end takes over
    no cluster; and keys say nothing of the hash that decides the side, so the choice does not favour one.
    """
    keys = pd.DataFrame(
        {
            "cluster": cluster,
            "place": faces["dataset"].map({name: place for place, name in enumerate(datasets)}),
            "key": face_keys(faces),
        }
    )
    return keys.sort_values(["cluster", "place", "key"]).groupby("cluster")["key"].first()


def count_pairs(faces: pd.DataFrame, alike: Ints) -> Pairs:
    """Count the pairs within each set of near-duplicates, by the data sets and the labels of the two faces."""
    names = sorted(set(faces["dataset"]))
    by_dataset = _pairs_by_class(alike, pd.Categorical(faces["dataset"], names).codes)
    by_label = _pairs_by_class(alike, faces["label"].to_numpy())
    found = zip(*np.nonzero(by_dataset), strict=True)
    return Pairs(
        by_datasets={(names[one], names[other]): int(by_dataset[one, other]) for one, other in found},
        different_labels=int(np.triu(by_label, 1).sum()),
    )


def _group_codes(faces: pd.DataFrame) -> Ints:
    """Return a number per data set and group; -1 without a group."""
    codes = pd.factorize(face_keys(faces))[0]
    return np.where(faces["group"].notna(), codes, -1)


def _chain(codes: Ints) -> tuple[Ints, Ints]:
    """Return edges that join each position to the next with the same code; -1 joins nothing."""
    order = np.argsort(codes, kind="stable")
    same = (codes[order][1:] == codes[order][:-1]) & (codes[order][1:] >= 0)
    return order[:-1][same], order[1:][same]


def _pairs_by_class(sets: Ints, classes: Ints) -> Ints:
    """Return how many pairs within a set are of each two classes: an upper triangle (k, k)."""
    size = int(classes.max(initial=-1)) + 1
    counts = csr_matrix((np.ones(len(sets), np.int64), (sets, classes)), shape=(int(sets.max(initial=-1)) + 1, size))
    pairs = (counts.T @ counts).toarray()
    alone = np.bincount(classes, minlength=size)
    upper: Ints = np.triu(pairs, 1) + np.diag((np.diag(pairs) - alone) // 2)
    return upper
