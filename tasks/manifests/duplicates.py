"""All near-duplicate pairs among perceptual hashes, exactly, and what they join.

Two 256-bit hashes that differ in at most r bits agree on at least one of r + 1 disjoint bands of bits (pigeonhole), so
only pairs that share a bucket of some band are compared. Above 15 bits the bands would grow short and the buckets
large; there half as many bands are used, of which one differs in at most one bit, and each bit of it is left out in
turn (M. Norouzi, A. Punjani, D. J. Fleet: Fast search in Hamming space with multi-index hashing, CVPR 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tasks.manifests.schemas import PHASH_BYTES

BITS = 8 * PHASH_BYTES
# Pairs compared at a time: about 100 MB of index and distance arrays.
CHUNK = 1 << 20

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


def hash_words(hashes: Sequence[bytes]) -> Words:
    """Return n hashes of 32 bytes as an array (n, 4) of 64-bit words."""
    return np.frombuffer(b"".join(hashes), dtype="<u8").reshape(len(hashes), PHASH_BYTES // 8)


def distinct(words: Words) -> tuple[Words, Ints]:
    """Return the m different hashes (m, 4), and for each of n hashes (n,) which of them it is."""
    if not len(words):
        return words, np.zeros(0, np.int64)
    rows = np.ascontiguousarray(words).view(f"V{PHASH_BYTES}").ravel()
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    return words[first], inverse.astype(np.int64)


def near_duplicate_pairs(words: Words, bits: int, labels: Callable[[], Ints]) -> Iterator[tuple[Ints, Ints]]:
    """Yield the pairs of `words` (n, 4) with different labels that differ in at most `bits` (0 to 31) bits.

    They come in pieces of two (k,), a pair once or more. `labels` gives the hashes' labels (n,) and is asked again for
    each piece, so that joined pairs are not compared: thousands of frames of one scene do not cost their square.
    Memory is bounded by the piece.
    """
    for mask in _masks(bits):
        keys = _keys(words, mask)
        order = np.argsort(keys)
        columns = [np.ascontiguousarray(words[order, word]) for word in range(words.shape[1])]
        for first, second in _pairs_of_equal(keys[order], labels()[order]):
            now = labels()
            apart = now[order[first]] != now[order[second]]
            first, second = first[apart], second[apart]
            close = _distances(columns, first, second) <= bits
            if close.any():
                yield order[first[close]], order[second[close]]


class Components:
    """Connected components of n nodes under edges that come in pieces."""

    def __init__(self, nodes: int) -> None:
        """Start with `nodes` components of one node."""
        self.labels: Ints = np.arange(nodes)
        self.count = nodes

    def join(self, one: Ints, other: Ints) -> None:
        """Join the nodes one[i] and other[i] (both (k,)) for all i."""
        edges = (np.ones(len(one), np.int8), (self.labels[one], self.labels[other]))
        graph = coo_matrix(edges, shape=(self.count, self.count))
        self.count, merged = connected_components(graph, directed=False)
        self.labels = merged.astype(np.int64)[self.labels]


def _masks(bits: int) -> list[Words]:
    """Return bit masks (4,) such that any two hashes within `bits` bits are equal under one of them."""
    missed = 0 if bits < 16 else 1
    # Neighbouring bits of a hash are alike in most photographs; drawn at random, they tell more in every band.
    shuffled = np.random.default_rng(0).permutation(BITS)
    masks = []
    for band in np.array_split(shuffled, bits // (missed + 1) + 1):
        for left_out in band if missed else [-1]:
            chosen = np.zeros(BITS, np.uint8)
            chosen[band[band != left_out]] = 1
            masks.append(np.packbits(chosen).view("<u8"))
    return masks


def _keys(words: Words, mask: Words) -> Words:
    """Return one word per hash (n,), equal for hashes that are equal under `mask` (and for few others)."""
    # Odd constants of full length, so that different bits rarely add up to the same key.
    mixers = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)
    mixed: Words = ((words & mask) * mixers).sum(axis=1, dtype=np.uint64)
    return mixed


def _pairs_of_equal(keys: Words, labels: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield all pairs of positions with equal keys in sorted `keys` (n,), in pieces of about CHUNK pairs.

    Runs of equal keys whose `labels` (n,) are all the same are left out.
    """
    if not len(keys):
        return
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    sizes = np.diff(np.append(starts, len(keys)))
    partners = np.repeat(starts + sizes, sizes) - np.arange(len(keys)) - 1
    mixed = np.minimum.reduceat(labels, starts) != np.maximum.reduceat(labels, starts)
    positions = np.flatnonzero(partners * np.repeat(mixed, sizes))
    totals = np.cumsum(partners[positions])
    start = done = 0
    while start < len(positions):
        stop = max(start + 1, int(np.searchsorted(totals, done + CHUNK, side="right")))
        yield _expand(positions[start:stop], partners[positions[start:stop]])
        start, done = stop, int(totals[stop - 1])


def _expand(positions: Ints, partners: Ints) -> tuple[Ints, Ints]:
    """Return pairs of each position with as many positions after it as it has partners."""
    first = np.repeat(positions, partners)
    before = np.repeat(np.cumsum(partners) - partners, partners)
    return first, first + 1 + np.arange(len(first)) - before


def _distances(columns: list[Words], first: Ints, second: Ints) -> NDArray[np.uint16]:
    """Return the Hamming distances (k,) of the hashes at positions `first` and `second` of `columns` (4 x (n,))."""
    total = np.zeros(len(first), np.uint16)
    for column in columns:
        total += np.bitwise_count(column[first] ^ column[second])
    return total
