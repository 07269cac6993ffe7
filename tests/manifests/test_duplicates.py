from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.manifests import duplicates
from tasks.manifests.duplicates import Components, Ints, Words, distinct, hash_words, near_duplicate_pairs

Pairs = set[tuple[int, int]]


def reference(words: Words, bits: int) -> Pairs:
    """Compare every pair, bit by bit."""
    spread = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1)
    pairs = itertools.combinations(range(len(words)), 2)
    return {(i, j) for i, j in pairs if (spread[i] != spread[j]).sum() <= bits}


def found(words: Words, bits: int, labels: Ints | None = None) -> Pairs:
    apart = np.arange(len(words)) if labels is None else labels
    pieces = near_duplicate_pairs(words, bits, lambda: apart)
    return {(int(min(pair)), int(max(pair))) for piece in pieces for pair in zip(*piece, strict=True)}


def families(seed: int, size: int, spread: int) -> Words:
    """Return hashes that come in families of 10 around a common ancestor, up to `spread` bits from it."""
    random = np.random.default_rng(seed)
    ancestors = random.integers(0, 2, (size // 10 + 1, 256), np.uint8)
    bits = ancestors[np.arange(size) // 10]
    for row in bits:
        row[random.permutation(256)[: random.integers(0, spread + 1)]] ^= 1
    return distinct(np.packbits(bits, axis=1).view("<u8"))[0]


@pytest.mark.parametrize("bits", [0, 1, 2, 7, 10, 15, 16, 17, 24, 31])
def test_all_pairs_and_no_others(bits: int) -> None:
    words = families(bits, 300, spread=max(bits * 3 // 4, 1))
    expected = reference(words, bits)
    assert found(words, bits) == expected
    assert (len(expected) > 50) == (bits > 0)


@given(st.integers(0, 31), st.integers(0, 1000), st.data())
@settings(deadline=None, max_examples=40)
def test_a_pair_at_the_limit_is_found_and_one_beyond_is_not(bits: int, seed: int, data: st.DataObject) -> None:
    flips = data.draw(st.lists(st.integers(0, 255), min_size=bits + 1, max_size=bits + 1, unique=True))
    one = np.random.default_rng(seed).integers(0, 2, 256, np.uint8)
    at_limit, beyond = one.copy(), one.copy()
    at_limit[flips[:bits]] ^= 1
    beyond[flips] ^= 1
    near = np.packbits([one, at_limit], axis=1).view("<u8")
    far = np.packbits([one, beyond], axis=1).view("<u8")
    assert found(near, bits) == {(0, 1)}
    assert found(far, bits) == set()


def test_pairs_come_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    words = families(3, 200, spread=4)
    expected = reference(words, 10)
    monkeypatch.setattr(duplicates, "CHUNK", 7)
    pieces = list(near_duplicate_pairs(words, 10, lambda: np.arange(len(words))))
    assert max(len(one) for one, _ in pieces) <= 7 + 10
    assert found(words, 10) == expected


def test_pairs_of_one_label_are_left_out() -> None:
    words = families(5, 200, spread=4)
    labels = np.random.default_rng(0).integers(0, 3, len(words))
    expected = {(i, j) for i, j in reference(words, 10) if labels[i] != labels[j]}
    assert found(words, 10, labels) == expected


def test_thousands_of_alike_hashes_are_compared_in_no_time_once_they_are_joined() -> None:
    random = np.random.default_rng(1)
    bits = np.zeros((20_000, 256), np.uint8)
    bits[np.arange(20_000)[:, None], random.integers(0, 256, (20_000, 4))] = 1
    words, _ = distinct(np.packbits(bits, axis=1).view("<u8"))
    joined = Components(len(words))
    pairs = 0
    for one, other in near_duplicate_pairs(words, 10, lambda: joined.labels):
        joined.join(one, other)
        pairs += len(one)
    assert joined.count == 1
    assert pairs < 10_000_000 < len(words) ** 2 // 20


def test_identical_hashes_are_one() -> None:
    hashes = [bytes(32)] * 50_000 + [b"\1" * 32, bytes(31) + b"\1"]
    words, which = distinct(hash_words(hashes))
    assert len(words) == 3
    assert [words[position].tobytes() for position in which] == hashes


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_pair(count: int) -> None:
    words, which = distinct(hash_words([bytes(32)] * count))
    assert len(words) == len(which) == count
    assert found(words, 10) == set()


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40), st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_components_do_not_depend_on_the_pieces(edges: list[tuple[int, int]], pieces: int) -> None:
    joined, parents = Components(20), list(range(20))
    for piece in range(pieces):
        part = np.array(edges[piece::pieces], np.int64).reshape(-1, 2)
        joined.join(part[:, 0], part[:, 1])
    for one, other in edges:
        parents = [parents[one] if parent == parents[other] else parent for parent in parents]
    same = np.equal.outer(joined.labels, joined.labels)
    assert np.array_equal(same, np.equal.outer(parents, parents))
    assert joined.count == len(set(parents)) == len(set(joined.labels.tolist()))
