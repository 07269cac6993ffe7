"""What is joined and counted, against plain loops over all pairs of faces."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.manifests.clusters import cluster_keys, count_pairs, face_keys, find_clusters

# Few names, so that many faces share one; hashes of the first bits of one word, so that many are near each other.
FACES = st.lists(
    st.fixed_dictionaries(
        {
            "dataset": st.sampled_from(["b", "a", "c"]),
            "group": st.sampled_from([None, None, "ann", "bob"]),
            "image_id": st.sampled_from([f"{number:064x}" for number in range(6)]),
            "phash": st.sampled_from([0, 1, 3, 7, 1 << 200, 3 << 200, 1 << 100]).map(
                lambda value: value.to_bytes(32, "big")
            ),
            "label": st.integers(0, 1),
        }
    ),
    min_size=1,
    max_size=14,
)
BITS = 1


def table(faces: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(faces).astype({"group": object})


def near(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (int.from_bytes(one["phash"], "big") ^ int.from_bytes(other["phash"], "big")).bit_count() <= BITS


def joined(faces: list[dict[str, Any]], together: Callable[[Any, Any], bool]) -> list[int]:
    """Return for each face the first one that it is joined to, directly or through others."""
    first = list(range(len(faces)))
    for _ in faces:
        for i, j in itertools.permutations(range(len(faces)), 2):
            if together(faces[i], faces[j]):
                first[i] = first[j] = min(first[i], first[j])
    return first


def same(one: np.ndarray, other: list[int]) -> bool:
    """Tell whether two numberings part the faces alike."""
    return len(set(zip(one.tolist(), other, strict=True))) == len(set(one.tolist())) == len(set(other))


@settings(max_examples=60)
@given(FACES)
def test_a_file_a_group_and_near_duplicates_are_joined_and_nothing_else(faces: list[dict[str, Any]]) -> None:
    def together(one: dict[str, Any], other: dict[str, Any]) -> bool:
        group = one["group"] is not None and (one["dataset"], one["group"]) == (other["dataset"], other["group"])
        return group or one["image_id"] == other["image_id"] or near(one, other)

    found = find_clusters(table(faces), BITS)
    assert same(found.cluster, joined(faces, together))
    assert sorted(set(found.cluster.tolist())) == list(range(len(set(found.cluster.tolist()))))
    assert same(found.alike, joined(faces, near))


@settings(max_examples=60)
@given(FACES)
def test_a_cluster_is_named_by_the_first_key_of_the_data_set_named_first(faces: list[dict[str, Any]]) -> None:
    frame, order = table(faces), ["b", "a", "c"]
    cluster = find_clusters(frame, BITS).cluster
    keys = cluster_keys(frame, cluster, order)
    for number in set(cluster.tolist()):
        members = [
            (order.index(face["dataset"]), key(face)) for face, at in zip(faces, cluster, strict=True) if at == number
        ]
        assert keys[number] == min(members)[1]
    assert face_keys(frame).tolist() == [key(face) for face in faces]


def key(face: dict[str, Any]) -> str:
    return f"group:{face['dataset']}/{face['group']}" if face["group"] else f"image:{face['image_id']}"


@settings(max_examples=60)
@given(FACES)
def test_pairs_are_counted_by_data_sets_and_by_contradiction(faces: list[dict[str, Any]]) -> None:
    frame = table(faces)
    alike = find_clusters(frame, BITS).alike
    pairs = [(i, j) for i, j in itertools.combinations(range(len(faces)), 2) if alike[i] == alike[j]]
    found = count_pairs(frame, alike)
    names = [sorted((faces[i]["dataset"], faces[j]["dataset"])) for i, j in pairs]
    assert found.by_datasets == Counter(map(tuple, names))
    assert found.different_labels == sum(faces[i]["label"] != faces[j]["label"] for i, j in pairs)
