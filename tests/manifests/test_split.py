from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.manifests.manifest_files import write_manifests
from tasks.manifests.schemas import LABELS, MANIFEST
from tasks.manifests.split import SPLITS, Split, drawn_side, make_split
from tasks.params import DatasetParams, FauxfaceError, SplitParams

Row = dict[str, Any]
Faces = Callable[[list[Row]], pa.Table]
Dataset = Callable[..., DatasetParams]
PARAMS = SplitParams(valid=0.2, test=0.2)
# One face of each class on each side, so that no class is ever missing.
ANCHORS: list[Row] = [
    {"dataset": "anchor", "name": f"{side} {label}", "split_given": side, "label": label}
    for side in SPLITS
    for label in (0, 1)
]
# Few groups, files and pictures, so that they meet; pictures 0-9 are near to each other in steps: 0-1-2-...
faces = st.fixed_dictionaries(
    {
        "dataset": st.sampled_from(["a", "b", "kept", "unseen"]),
        "group": st.none() | st.sampled_from(["ann", "bob", "carl", "dora"]),
        "image": st.integers(0, 30),
        "picture": st.integers(0, 40),
        "label": st.integers(0, 1),
        "given": st.sampled_from(SPLITS),
    }
)


def chain(picture: int) -> bytes:
    """Return hashes of which those below 10 differ in 8 bits from the next, and the others in many from any."""
    bits = (1 << 8 * picture) - 1 if picture < 10 else (picture * 0x9E3779B97F4A7C15F39CC0605CEDC835) << 120
    return (bits % 2**256).to_bytes(32, "big")


def rows_of(drawn: list[Row], first: int = 0) -> list[Row]:
    return [
        {
            "dataset": face["dataset"],
            "name": f"{number}",
            "row": number,
            "group": face["group"],
            "image_id": f"{face['image']:064x}",
            "face_id": f"{face['image']:064x}#{number}",
            "phash": chain(face["picture"]),
            "label": face["label"],
            "split_given": face["given"] if face["dataset"] == "kept" else None,
        }
        for number, face in enumerate(drawn, first)
    ]


@pytest.fixture(scope="session")
def datasets(dataset: Dataset) -> list[DatasetParams]:
    return [dataset("anchor", "given"), dataset("a"), dataset("kept", "given"), dataset("unseen", "test"), dataset("b")]


def sides(split: Split) -> dict[tuple[str, int], str]:
    """Return the side of every row that is kept."""
    kept = split.rows[~split.rows["dropped"]]
    return {(row["dataset"], row["row"]): row["split"] for row in kept.to_dict("records")}


def clusters_of(split: Split) -> dict[int, set[tuple[str, int]]]:
    found: dict[int, set[tuple[str, int]]] = {}
    for row in split.rows.to_dict("records"):
        found.setdefault(row["cluster"], set()).add((row["dataset"], row["row"]))
    return found


@given(drawn=st.lists(faces, max_size=40))
@settings(deadline=None, max_examples=40)
def test_every_face_once_and_no_leak(drawn: list[Row], face_table: Faces, datasets: list[DatasetParams]) -> None:
    table = face_table(ANCHORS + rows_of(drawn))
    split = make_split(table, datasets, PARAMS)
    rows = split.rows
    assert len(rows) == table.num_rows
    assert not rows[["dataset", "shard", "row"]].duplicated().any()
    kept = rows[~rows["dropped"]]
    assert (kept.groupby("image_id")["split"].nunique() == 1).all()
    assert (kept.dropna(subset="group").groupby(["dataset", "group"])["split"].nunique() == 1).all()
    assert (kept[kept["dataset"] == "unseen"]["split"] == "test").all()
    own = kept[kept["use"] == "given"]
    assert (own["split"] == own["split_given"]).all()
    assert set(rows[rows["dropped"]]["dataset"]) <= {"kept"}
    pictures = {(row["dataset"], row["row"]): int.from_bytes(row["phash"]) for row in rows_of(drawn)}
    for (one, side), (other, across) in itertools.combinations(sides(split).items(), 2):
        if one in pictures and other in pictures and side != across:
            assert (pictures[one] ^ pictures[other]).bit_count() > PARAMS.near_duplicate_bits


@given(drawn=st.lists(faces, min_size=1, max_size=30), order=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_the_order_of_faces_is_of_no_account(
    drawn: list[Row], order: Any, face_table: Faces, datasets: list[DatasetParams]
) -> None:
    rows = ANCHORS + rows_of(drawn)
    one = make_split(face_table([{"row": place, **row} for place, row in enumerate(rows)]), datasets, PARAMS)
    mixed = [{"row": place, **row} for place, row in enumerate(rows)]
    order.shuffle(mixed)
    other = make_split(face_table(mixed), datasets, PARAMS)
    columns = [name for name in one.rows.columns if name != "cluster"]
    assert one.rows[columns].equals(other.rows[columns])


@given(drawn=st.lists(faces, max_size=25), more=st.lists(faces, max_size=25))
@settings(deadline=None, max_examples=40)
def test_added_faces_move_no_cluster_that_they_do_not_join(
    drawn: list[Row], more: list[Row], face_table: Faces, datasets: list[DatasetParams]
) -> None:
    old = make_split(face_table(ANCHORS + rows_of(drawn)), datasets, PARAMS)
    new = make_split(face_table(ANCHORS + rows_of(drawn) + rows_of(more, len(drawn))), datasets, PARAMS)
    before, after, grown = sides(old), sides(new), clusters_of(new)
    for members in clusters_of(old).values():
        if members in grown.values():
            assert {place: before.get(place) for place in members} == {place: after.get(place) for place in members}


@given(drawn=st.lists(faces, max_size=25), more=st.lists(faces, max_size=10))
@settings(deadline=None, max_examples=40)
def test_a_data_set_named_last_moves_nothing_unless_it_joins_two_clusters(
    drawn: list[Row], more: list[Row], face_table: Faces, datasets: list[DatasetParams]
) -> None:
    first = [face for face in drawn if face["dataset"] != "b"]
    old = make_split(face_table(ANCHORS + rows_of(first)), datasets[:-1], PARAMS)
    added = rows_of([{**face, "dataset": "b"} for face in more])
    new = make_split(face_table(ANCHORS + rows_of(first) + added), datasets, PARAMS)
    before, after = sides(old), sides(new)
    grown = [{place for place in members if place[0] != "b"} for members in clusters_of(new).values()]
    for members in clusters_of(old).values():
        if members in grown:
            assert {place: before.get(place) for place in members} == {place: after.get(place) for place in members}


def test_a_data_set_named_last_takes_over_no_cluster(face_table: Faces, dataset: Dataset) -> None:
    old = [{"dataset": "z", "name": f"{n}", "label": n % 2, "phash": n.to_bytes(1, "big") * 32} for n in range(99)]
    copies = [{**face, "dataset": "a", "name": f"copy {face['name']}", "group": face["name"]} for face in old]
    before = sides(make_split(face_table(old), [dataset("z")], SplitParams(near_duplicate_bits=0)))
    both = make_split(face_table(old + copies), [dataset("z"), dataset("a")], SplitParams(near_duplicate_bits=0))
    assert sides(both) == {**before, **{("a", row): side for (_, row), side in before.items()}}


@given(st.integers(0, 50), st.sampled_from([0.1, 0.2, 0.4]))
@settings(deadline=None, max_examples=10)
def test_shares_are_those_asked_for_and_one_share_moves_nothing_between_the_others(seed: int, valid: float) -> None:
    keys = [f"image:{number}" for number in range(4000)]
    drawn = [SPLITS[drawn_side(key, SplitParams(seed=seed, valid=valid, test=0.2))] for key in keys]
    assert abs(drawn.count("valid") / 4000 - valid) < 0.035
    assert abs(drawn.count("test") / 4000 - 0.2) < 0.03
    for name, shares in (("valid", {"valid": valid / 2, "test": 0.2}), ("test", {"valid": valid, "test": 0.1})):
        less = [SPLITS[drawn_side(key, SplitParams(seed=seed, **shares))] for key in keys]
        assert {(one, other) for one, other in zip(drawn, less, strict=True) if one != other} == {(name, "train")}


def test_clusters_of_many_keys_are_drawn_with_the_same_shares(face_table: Faces, dataset: Dataset) -> None:
    """The smallest key decides: taking the smallest hash would send large clusters to the lower end of the range."""
    rows = [
        {
            "dataset": "a",
            "name": f"{cluster} {member}",
            "phash": chain(10),
            "image_id": f"{cluster}",
            "label": member % 2,
        }
        for cluster in range(600)
        for member in range(8)
    ]
    for place, row in enumerate(rows):
        row.update(group=f"g{place // 8 * 8 + place % 8}", phash=place.to_bytes(32, "big"), row=place)
    table = face_table(rows)
    split = make_split(table, [dataset("a")], SplitParams(valid=0.2, test=0.2, near_duplicate_bits=0))
    shares = split.rows.drop_duplicates("cluster")["split"].value_counts(normalize=True)
    assert len(split.rows.drop_duplicates("cluster")) == 600
    assert abs(shares["test"] - 0.2) < 0.06
    assert abs(shares["valid"] - 0.2) < 0.06


def test_another_seed_is_another_split(face_table: Faces, dataset: Dataset) -> None:
    table = face_table([{"dataset": "a", "name": f"{number}", "label": number % 2} for number in range(200)])
    one, same, other = (make_split(table, [dataset("a")], SplitParams(seed=seed)) for seed in (1, 1, 2))
    assert sides(one) == sides(same) != sides(other)


def split_of(face_table: Faces, datasets: list[DatasetParams], rows: list[Row]) -> dict[str, str]:
    """Return {name: side or "dropped"} of `rows`, split beside the anchors."""
    split = make_split(face_table(ANCHORS + rows), datasets, PARAMS)
    records = split.rows[split.rows["dataset"] != "anchor"].to_dict("records")
    return {row["member"].removesuffix(".jpg"): "dropped" if row["dropped"] else row["split"] for row in records}


@pytest.mark.parametrize("tested", ["before", "middle", "zuletzt"])
@pytest.mark.parametrize("drawn", ["train", "valid"])
def test_a_test_only_set_wins_wherever_its_name_is_sorted(
    face_table: Faces, dataset: Dataset, tested: str, drawn: str
) -> None:
    sets = [dataset("anchor", "given"), dataset("c"), dataset("m"), dataset("s"), dataset(tested, "test")]
    group = next(name for name in map(str, range(99)) if SPLITS[drawn_side(f"group:c/{name}", PARAMS)] == drawn)
    rows = [{"dataset": name, "name": f"{name} free", "group": group, "image_id": "7" * 64} for name in "cms"]
    assert set(split_of(face_table, sets, rows).values()) == {drawn}, "without the test-only face"
    for place in range(4):
        twin = {"dataset": tested, "name": "twin", "image_id": "7" * 64}
        found = split_of(face_table, sets, [*rows[:place], twin, *rows[place:]])
        assert set(found.values()) == {"test"}


@pytest.mark.parametrize("strong", ["a given", "n given", "z given"])
def test_the_stronger_of_two_given_sides_wins_wherever_its_face_is_sorted(
    face_table: Faces, dataset: Dataset, strong: str
) -> None:
    names = ["a given", "n given", "z given"]
    sets = [dataset("anchor", "given"), *(dataset(name.replace(" ", "_"), "given") for name in names), dataset("free")]
    rows: list[Row] = [{"dataset": "free", "name": "free", "image_id": "8" * 64}]
    for name in names:
        side = "valid" if name == strong else "train"
        rows.append({"dataset": name.replace(" ", "_"), "name": name, "image_id": "8" * 64, "split_given": side})
    expected = {name: "valid" if name == strong else "dropped" for name in names}
    assert split_of(face_table, sets, rows) == {"free": "valid", **expected}


def test_faces_alike_to_a_test_only_face_go_to_test(face_table: Faces, datasets: list[DatasetParams]) -> None:
    rows = [{"dataset": "a", "name": f"{number}", "group": "ann", "label": 1} for number in range(5)]
    alone = split_of(face_table, datasets, rows)
    assert set(alone.values()) == {"train"}
    twin = {"dataset": "unseen", "name": "twin", "phash": face_table(rows[:1])["phash"][0].as_py()}
    assert set(split_of(face_table, datasets, [*rows, twin]).values()) == {"test"}


def test_a_given_split_is_kept_and_drops_the_weaker_side(face_table: Faces, datasets: list[DatasetParams]) -> None:
    def face(name: str, given: str, group: str | None) -> Row:
        return {"dataset": "kept", "name": name, "split_given": given, "group": group}

    rows = [
        *[face(f"alone {side}", side, None) for side in SPLITS],
        *[face(f"all {side}", side, "ann") for side in SPLITS],
        *[face(f"two {side}", side, "bob") for side in ("train", "valid")],
        {"dataset": "a", "name": "follows", "image_id": "5" * 64},
        {**face("led", "valid", None), "image_id": "5" * 64},
        {"dataset": "unseen", "name": "unseen", "image_id": "6" * 64},
        {**face("copy of unseen", "train", None), "image_id": "6" * 64},
    ]
    assert split_of(face_table, datasets, rows) == {
        **{f"alone {side}": side for side in SPLITS},
        "all train": "dropped",
        "all valid": "dropped",
        "all test": "test",
        "two train": "dropped",
        "two valid": "valid",
        "follows": "valid",
        "led": "valid",
        "unseen": "test",
        "copy of unseen": "dropped",
    }


def test_groups_of_two_data_sets_with_one_name_are_two(face_table: Faces, dataset: Dataset) -> None:
    rows = [
        {"dataset": name, "name": f"{name}{number}", "group": f"{number}", "label": number % 2}
        for name in "ab"
        for number in range(100)
    ]
    split = make_split(face_table(rows), [dataset("a"), dataset("b")], PARAMS)
    assert split.rows["cluster"].nunique() == 200


def faulty(face_table: Faces, datasets: list[DatasetParams], *rows: Row) -> str:
    with pytest.raises(FauxfaceError) as caught:
        make_split(face_table([*ANCHORS, *rows]), datasets, PARAMS)
    return str(caught.value)


def test_faces_that_cannot_be_split(face_table: Faces, datasets: list[DatasetParams]) -> None:
    rows = [{"dataset": name, "name": f"{name}{n}", "phash": None} for name in "ab" for n in range(2)]
    message = faulty(face_table, datasets, *rows, {"dataset": "a", "name": "good"})
    assert "no perceptual hash" in message
    assert "2 of a, 2 of b" in message
    assert "a0.jpg of a" in message
    assert "do not name: 1 of other" in faulty(face_table, datasets, {"dataset": "other", "name": "x"})


def test_a_missing_class_is_named_with_a_remedy(face_table: Faces, dataset: Dataset) -> None:
    real = [{"dataset": "a", "name": f"{number}", "label": 0} for number in range(100)]
    with pytest.raises(
        FauxfaceError, match=r"no fake face in train, no fake face in valid, .*No data set has fake faces"
    ):
        make_split(face_table(real), [dataset("a")], PARAMS)
    fake = [{"dataset": "unseen", "name": f"f{number}", "label": 1} for number in range(3)]
    with pytest.raises(FauxfaceError, match=r"no fake face in train, no fake face in valid\. .*never trained on"):
        make_split(face_table(real + fake), [dataset("a"), dataset("unseen", "test")], PARAMS)
    with pytest.raises(FauxfaceError, match="No data set has real faces"):
        make_split(face_table([]), [dataset("a")], PARAMS)


def test_manifests_are_the_same_bytes_whatever_the_order(
    face_table: Faces, datasets: list[DatasetParams], tmp_path: Path
) -> None:
    rows = [{"dataset": "a", "name": f"{n}", "label": n % 2, "row": n, "shard": n % 3} for n in range(500)]
    hashes = [
        write_manifests(make_split(face_table(part), datasets, PARAMS), tmp_path / folder)
        for folder, part in (("one", ANCHORS + rows), ("two", rows[::-1] + ANCHORS))
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0].values())) == 3
    table = pa.parquet.read_table(tmp_path / "one" / "train.parquet")
    assert table.schema.equals(MANIFEST)
    assert set(table["source"].to_pylist()) == {"a.zip", "anchor.zip"}
    places = list(zip(*(table[name].to_pylist() for name in ("dataset", "shard", "row")), strict=True))
    assert places == sorted(places)
    assert LABELS.field("label").type == table.schema.field("label").type
