"""A ridge phase: heads in closed form on the statistics of a frozen network, among the other phases of a training."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tasks.imaging.encode import encoded_again
from tasks.manifests.schemas import FACES, MANIFEST, shard_name
from tasks.params import FauxfaceError
from tasks.scoring.card import FAMILIAR
from tasks.scoring.classifier import Classifier
from tasks.scoring.crops import load_crops, read_manifest
from tasks.scoring.verdict import Judge
from tasks.training.batches.augment import Augmenter
from tasks.training.networks.network_file import read_network
from tasks.training.networks.zoo import build_network, linear_layer, logit_model, set_trainable
from tasks.training.networks.zoo.statistics import Seen, align, parts, statistics_of, unaligned
from tasks.training.recipe.recipes import Recipe, TransformSpec, load_recipe
from tasks.training.recipe.splits import Split, at_most, read_split, with_fakes
from tasks.training.ridge.heads import log_loss
from tasks.training.ridge.probe import fit_heads
from tests.training.conftest import SIDE, draw
from tests.training.fitting import faces_for, fit_recipe
from tests.training.test_resume import assert_equal, kill_in

Pixels = NDArray[np.uint8]

PROBE = """
network: lite0
network_arguments: {{pooling: statistics, blocks: 5, moments: [b2, b4], inner_moments: [b3_dw]}}
weights: imagenet
input_size: {size}
batch_size: 16
phases:
  - {{name: probe, method: ridge}}
"""
TUNE = "  - {name: tune, epochs: 2, learning_rate: 0.00001}\n"
RATE = "epochs: 1\nlearning_rate: 0.001\n"


def write_faces(root: Path, faces: list[tuple[str, str, int, Pixels]]) -> None:
    """Write (split, data set, label, RGB pixels) as one shard a data set, and the manifests."""
    shards: dict[str, list[dict[str, Any]]] = {}
    rows: dict[str, list[dict[str, Any]]] = {}
    for number, (split, dataset, label, pixels) in enumerate(faces):
        png = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
        shard = shards.setdefault(dataset, [])
        known = {"face_id": f"{number:064x}#0", "dataset": dataset, "label": label}
        place = {"shard": 0, "row": len(shard), "split": split, "group": f"g{number}", "source": dataset}
        rows.setdefault(split, []).append({**known, **place})
        about = {"image_id": f"{number:064x}", "member": f"{number}.png", "face_index": 0, "format": "PNG"}
        sides = {"width": len(pixels), "height": len(pixels), "file_bytes": len(png)}
        image = {"image": {"bytes": png, "path": None}, "sharpness": 0.5, "corner_variance": 0.5}
        shard.append({**dict.fromkeys(FACES.names), **known, **about, **sides, **image})
    for dataset, content in shards.items():
        path = root / "faces" / dataset / shard_name(0)
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(content, FACES), path)
    (root / "manifests").mkdir()
    for split, content in rows.items():
        pq.write_table(pa.Table.from_pylist(content, MANIFEST), root / "manifests" / f"{split}.parquet")


def drawn(dataset: str, label: int, random: np.random.Generator) -> Pixels:
    """A fake of `board` has a checkerboard, one of `smooth` no noise at all, which is the opposite."""
    if label and dataset == "smooth":
        return np.asarray(cv2.GaussianBlur(draw(0, random), (0, 0), 3), np.uint8)
    return draw(label, random)


@pytest.fixture(scope="module")
def two(toy: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two data sets with fakes of their own kinds and one with none; the recipe is a ridge phase."""
    random = np.random.default_rng(6)
    faces = []
    for split, each in (("train", 20), ("valid", 8), ("test", 16)):
        for dataset, labels in (("board", (0, 1)), ("smooth", (0, 1)), ("photos", (0,))):
            faces += [(split, dataset, label, drawn(dataset, label, random)) for label in labels for _ in range(each)]
    root = tmp_path_factory.mktemp("two")
    write_faces(root, faces)
    recipe = root / "probe.yaml"
    recipe.write_text(PROBE.format(size=SIDE), encoding="utf-8")
    return type(toy)(root, recipe)


@pytest.fixture(scope="module")
def probed(two: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder with the model of `two`, and the training's result."""
    folder = tmp_path_factory.mktemp("probed")
    return folder, two.train(folder, epochs=5)


def pixels_of(two: Any, split: str) -> tuple[Any, Pixels]:
    rows = read_manifest(two.manifests / f"{split}.parquet")
    return rows, load_crops(rows, two.faces, SIDE, 2)


def test_a_training_on_two_kinds_of_fakes_is_right_on_both(two: Any, probed: tuple[Path, Any]) -> None:
    rows, pixels = pixels_of(two, "test")
    classifier = Classifier.load(probed[0] / "model")
    right = (classifier.p_fake(pixels) >= classifier.card.threshold) == (rows["label"] == 1)
    for dataset in ("board", "smooth", "photos"):
        assert right[rows["dataset"] == dataset].mean() > 0.9, dataset


def test_it_answers_by_bounds_and_calls_no_face_unfamiliar(two: Any, probed: tuple[Path, Any]) -> None:
    rows, pixels = pixels_of(two, "test")
    classifier = Classifier.load(probed[0] / "model")
    answers = classifier.card.answers
    assert answers is not None
    assert answers.unfamiliar_from is None
    assert FAMILIAR not in classifier.card.files
    assert classifier.seen(pixels).features is None
    scores = classifier.judged(pixels, [1.0] * len(rows), Judge.of(classifier.card, "balanced"))
    assert {score.distance for score in scores} == {None}
    assert {score.answer.reason for score in scores} <= {None, "borderline"}
    names = np.array([score.answer.verdict for score in scores])
    assert np.mean(names == np.where(rows["label"] == 1, "fake", "real")) > 0.8


def test_each_data_set_with_fakes_has_a_head_for_them_and_the_largest_is_the_logit(
    two: Any, probed: tuple[Path, Any]
) -> None:
    rows, pixels = pixels_of(two, "test")
    network = read_network(probed[0] / "model")
    heads = keras.Model(network.input, network.get_layer("heads").output)
    logits = np.asarray(heads(pixels.astype(np.float32)))
    assert logits.shape == (len(rows), 2)
    np.testing.assert_allclose(
        logits.max(axis=1), np.asarray(logit_model(network)(pixels.astype(np.float32)))[:, 0], atol=1e-5
    )
    fake = (rows["label"] == 1).to_numpy()
    for number, (own, other) in enumerate((("board", "smooth"), ("smooth", "board"))):
        of_own, of_other = (logits[fake & (rows["dataset"] == name), number] for name in (own, other))
        assert of_own.min() > logits[~fake, number].max()
        assert of_own.mean() > of_other.mean() + 0.5  # it was never told that those are fakes
    assert probed[1].card.recipe["network_arguments"]["heads"] == 2


def test_a_ridge_phase_is_one_epoch_whatever_the_parameters_say(probed: tuple[Path, Any]) -> None:
    report = probed[1].report
    assert (report["epochs"], report["best_epoch"], report["train_faces"]) == (1, 1, 100)
    assert report["images_per_second"] > 0
    with (probed[0] / "history.csv").open(encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    names = ("loss", "accuracy", "auc", "val_loss", "val_accuracy", "val_auc")
    assert {name for name in row if name not in names} == {"epoch", "phase", "learning_rate"}
    assert float(row["learning_rate"]) == 0
    assert float(row["val_auc"]) == pytest.approx(report["valid_auc"], abs=1e-5)
    assert float(row["loss"]) < 0.3


@pytest.mark.slow
def test_equal_trainings_give_equal_bytes(two: Any, probed: tuple[Path, Any], tmp_path: Path) -> None:
    two.train(tmp_path, epochs=5)
    assert_equal(tmp_path, probed[0])


def tuned(two: Any, folder: Path) -> Any:
    recipe = folder / "tuned.yaml"
    recipe.write_text(RATE + PROBE.format(size=SIDE) + TUNE, encoding="utf-8")
    return type(two)(two.root, recipe)


@pytest.mark.slow  # a minute
def test_a_gradient_phase_goes_on_from_the_probe_and_leaves_its_standardisation(two: Any, tmp_path: Path) -> None:
    recipe = load_recipe(str(tuned(two, tmp_path).recipe)).with_heads(2)
    probe, tune = recipe.stages()
    _, before = fit_recipe(two, recipe.model_copy(update={"phases": (probe,)}), tmp_path / "probe")
    fitted, after = fit_recipe(two, recipe, tmp_path / "tuned")
    assert [row["phase"] for row in fitted.progress.history] == [1, 2, 2]
    changed = {
        one.path.split("/")[0]
        for one, other in zip(before.weights, after.weights, strict=True)
        if not np.array_equal(one, other)
    }
    assert "stem" in changed
    assert "heads" in changed
    assert "standardise" not in changed
    # Adam's steps are as large as its rate: three times seven of these from where the probe had ended.
    for one, other in zip(before.weights, after.weights, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=21 * tune.learning_rate)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_training_killed_in_the_probe_or_after_it_equals_an_unbroken_one(
    two: Any, tmp_path: Path, project: Path
) -> None:
    phased = tuned(two, tmp_path)
    phased.train(tmp_path / "unbroken")
    for epoch in (0, 1):
        kill_in(phased, tmp_path / "killed", epoch, project)
    assert phased.train(tmp_path / "killed").report["resumed_after"] == 1
    assert_equal(tmp_path / "killed", tmp_path / "unbroken")


def test_faces_are_looked_at_as_they_are_stored_and_evenly(two: Any) -> None:
    recipe = load_recipe(str(two.recipe))
    phase = recipe.stages()[0].model_copy(update={"faces": 94})
    faces = faces_for(two, recipe).of(phase)
    kinds = faces.rows.rows.groupby(["dataset", "label"]).size()
    assert len(faces.rows.rows) == 47
    assert sorted(kinds) == [9, 9, 9, 10, 10]
    found = np.concatenate([faces.train[index][0] for index in range(len(faces.train))])
    np.testing.assert_array_equal(found, load_crops(faces.rows.rows, two.faces, SIDE, 2))
    np.testing.assert_array_equal(faces.train.labels, faces.rows.rows["label"])
    again, other = (faces_for(two, recipe, seed).of(phase).rows.rows for seed in (3, 4))
    assert again.equals(faces.rows.rows)
    assert not other.equals(again)


def test_further_looks_are_at_the_faces_mirrored_and_changed_in_their_order(two: Any) -> None:
    recipe = load_recipe(str(two.recipe))
    darker = TransformSpec(name="RandomBrightnessContrast", arguments={"brightness_limit": [-0.5, -0.3], "p": 1.0})
    phase = recipe.stages()[0].model_copy(update={"faces": 90, "augmentation": (darker,)})
    faces = faces_for(two, recipe).of(phase)
    assert len(faces.rows.rows) == 30
    plain, mirrored, changed = (
        np.concatenate([batches[index][0] for index in range(len(batches))]).astype(float)
        for batches in (faces.train, *faces.further)
    )
    np.testing.assert_array_equal(plain, load_crops(faces.rows.rows, two.faces, SIDE, 2))
    np.testing.assert_array_equal(mirrored, plain[:, :, ::-1])
    assert (plain.mean((1, 2, 3)) - changed.mean((1, 2, 3))).min() > 5
    for one, other in zip(plain, changed, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.8  # blacks were cut off
    assert len(faces_for(two, recipe).of(recipe.stages()[0]).further) == 1  # nothing changes them there


def split_of(datasets: NDArray[np.str_]) -> Split:
    """Faces of these data sets, real and fake in turn, each in a group of its own."""
    groups = [f"group {number}" for number in range(len(datasets))]
    rows = pd.DataFrame({"dataset": datasets.astype(object), "label": np.arange(len(datasets)) % 2, "group": groups})
    return Split(Path("train.parquet"), rows, rows["label"].to_numpy(np.int8))


def test_a_swap_and_its_original_are_left_out_together() -> None:
    """Else each is taken for its other half, which has the other label: that looks like nothing to learn."""
    random = np.random.default_rng(3)
    split = split_of(np.repeat(["swaps"], 160))
    pairs = split.rows.assign(group=[f"video {number // 2}" for number in range(160)])
    content = np.repeat(random.normal(0, 1, (80, 400)), 2, axis=0)
    statistics = (content + random.normal(0, 0.6, (160, 400)) + 0.08 * split.labels[:, None]).astype(np.float32)
    (single,) = fit_heads(statistics, [slice(0, statistics.shape[1])], split)
    (paired,) = fit_heads(statistics, [slice(0, 400)], Split(split.path, pairs, split.labels))
    auc = [roc_auc_score(split.labels, head.left_out) for head in (single, paired)]
    assert auc[1] > auc[0] + 0.1, auc


def test_the_largest_of_several_heads_is_calibrated_too() -> None:
    """On noise two heads are both near a coin's logit, and their larger one would say fake."""
    split = split_of(np.repeat(["one", "two"], 200))
    statistics = np.random.default_rng(8).normal(0, 1, (400, 20)).astype(np.float32)
    statistics[:, 0] += 0.8 * split.labels
    heads = fit_heads(statistics, [slice(0, statistics.shape[1])], split)
    largest = np.max([statistics @ head.weights + head.bias for head in heads], axis=0)
    assert np.mean(1 / (1 + np.exp(-largest))) == pytest.approx(0.5, abs=0.03)


def test_several_heads_are_calibrated_by_faces_left_out() -> None:
    """Of 900 features the heads know their own 200 faces by heart; what they say of others has to be a probability."""
    random = np.random.default_rng(9)

    def drawn_faces(count: int) -> tuple[Split, NDArray[np.float32]]:
        split = split_of(np.repeat(["one", "two"], count))
        values = random.normal(0, 1, (2 * count, 900)).astype(np.float32)
        values[:, :60] += 0.25 * split.labels[:, None]
        return split, values

    split, statistics = drawn_faces(100)
    heads = fit_heads(statistics, [slice(0, 900)], split)
    others, values = drawn_faces(2000)
    largest = np.max([values @ head.weights + head.bias for head in heads], axis=0)
    assert log_loss(largest, others.labels) < min(
        log_loss(factor * largest, others.labels) + 0.005 for factor in (0.3, 0.5, 2, 3)
    )


def test_a_head_that_learns_nothing_is_no_floor_under_the_others() -> None:
    """Its constant was the logit of four in five real faces, and nothing told these apart any more."""
    random = np.random.default_rng(10)
    names = np.repeat(["one", "two"], [300, 2])
    split = split_of(names)
    split = Split(split.path, split.rows.assign(label=np.where(names == "two", 1, split.labels)), split.labels)
    split.labels[names == "two"] = [0, 1]  # a single fake: without it there is none
    statistics = random.normal(0, 1, (302, 50)).astype(np.float32)
    statistics[:, 0] += 2 * split.labels
    first, second = fit_heads(statistics, [slice(0, 50)], split)
    assert not second.weights.any()
    alone = statistics @ first.weights + first.bias
    assert np.all(alone > second.bias)
    assert roc_auc_score(split.labels, alone) > 0.9
    noise = random.normal(0, 1, (40, 600)).astype(np.float32)
    constants = fit_heads(noise[:4], [slice(0, 600)], split_of(np.repeat(["one", "two"], 2)))
    assert [head.weights.any() for head in constants] == [False, False]
    assert min(head.bias for head in constants) > -10  # the model of nothing but these still is one


def changed(two: Any, root: Path, change: Callable[[str, pd.DataFrame], pd.DataFrame]) -> Any:
    """The same faces with other manifests: `change` is given a split's name and rows."""
    (root / "manifests").mkdir(parents=True)
    (root / "faces").symlink_to(two.faces)
    for split in ("train", "valid"):
        rows = change(split, read_manifest(two.manifests / f"{split}.parquet"))
        pq.write_table(pa.Table.from_pandas(rows, MANIFEST, preserve_index=False), root / f"manifests/{split}.parquet")
    return type(two)(root, two.recipe)


def test_a_data_set_of_whose_fakes_nothing_was_learnt_is_named(two: Any, tmp_path: Path) -> None:
    """Of the single fake of `smooth` nothing holds for others."""

    def with_one(split: str, rows: pd.DataFrame) -> pd.DataFrame:
        fakes = (rows["dataset"] == "smooth") & (rows["label"] == 1)
        return rows[~fakes | (fakes.cumsum() == 1)] if split == "train" else rows

    toy = changed(two, tmp_path / "few", with_one)
    assert toy.train(tmp_path / "out").report["nothing_learnt"] == ["smooth"]


def test_a_network_that_says_the_same_of_every_face_calls_none_fake_and_is_told(two: Any, tmp_path: Path) -> None:
    def one_each(split: str, rows: pd.DataFrame) -> pd.DataFrame:
        return rows[rows["dataset"] == "board"].groupby("label").head(1 if split == "train" else 8)

    toy = changed(two, tmp_path / "few", one_each)
    result = toy.train(tmp_path / "out")
    assert result.card.valid["roc_auc"] == 0.5
    assert result.card.valid["confusion"] == {
        "fake_as_fake": 0,
        "fake_as_real": 8,
        "real_as_fake": 0,
        "real_as_real": 8,
    }
    assert not result.report["tells_apart"]
    assert result.report["nothing_learnt"] == ["board"]


def test_faces_that_are_too_many_are_left_out_and_counted(two: Any, probed: tuple[Path, Any], tmp_path: Path) -> None:
    assert probed[1].report["left_out"] == {"probe": 0}
    recipe = tmp_path / "few.yaml"
    recipe.write_text(PROBE.format(size=SIDE).replace("method: ridge", "method: ridge, faces: 86"), encoding="utf-8")
    report = type(two)(two.root, recipe).train(tmp_path, epochs=5).report
    assert report["left_out"] == {"probe": report["train_faces"] - 43}
    assert report["left_out"]["probe"] == 57
    assert report["nothing_learnt"] == []


def test_a_phase_of_fewer_faces_than_kinds_is_refused(two: Any, tmp_path: Path) -> None:
    """A data set of which it had no fake would have a head all the same."""
    path = tmp_path / "fewest.yaml"
    path.write_text(PROBE.format(size=SIDE).replace("ridge", "ridge, faces: 16, equalise: {}"), encoding="utf-8")
    recipe = load_recipe(str(path))

    def apart(_: str, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(dataset=rows["dataset"] + [f" {number % 2}" for number in range(len(rows))])

    assert len(faces_for(two, recipe).of(recipe.stages()[0]).rows.labels) == 5
    with pytest.raises(FauxfaceError, match=r"'probe' takes at most 5 faces.*there are 10 kinds.*Raise `faces`"):
        faces_for(changed(two, tmp_path / "apart", apart), recipe).of(recipe.stages()[0])


def test_what_a_small_kind_lacks_the_others_give(two: Any) -> None:
    split = read_split(two.manifests / "train.parquet")
    few = split.rows.drop(split.rows.index[(split.rows["dataset"] == "photos")][3:]).reset_index(drop=True)
    drawn = at_most(type(split)(split.path, few, few["label"].to_numpy(np.int8)), 43, 1)
    assert sorted(drawn.rows.groupby(["dataset", "label"]).size()) == [3, 10, 10, 10, 10]
    assert at_most(split, 100, 1) is split
    assert with_fakes(drawn) == ["board", "smooth"]


def test_the_probe_tells_real_faces_from_those_of_a_generator(toy: Any, real_data: Path, tmp_path: Path) -> None:
    """Also that both forms of the network agree to a ten-thousandth with weights that are found so."""
    faces = []
    with zipfile.ZipFile(real_data / "faces" / "ffhq_stylegan.zip") as archive:
        for label, folder in enumerate(("real", "fake")):
            names = [name for name in archive.namelist() if name.startswith(f"{folder}/") and name.endswith(".jpg")]
            for number, name in enumerate(names[:90]):
                image = np.asarray(cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR))
                pixels = cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA)[..., ::-1]
                faces.append(("train" if number < 60 else "valid", "ffhq", label, np.asarray(pixels, np.uint8)))
    write_faces(tmp_path, faces)
    recipe = tmp_path / "probe.yaml"
    recipe.write_text(PROBE.format(size=96).replace(", blocks: 3", ""), encoding="utf-8")
    result = type(toy)(tmp_path, recipe).train(tmp_path / "out")
    assert result.report["valid_auc"] > 0.65
    assert result.report["loss"] < result.report["valid_loss"] < np.log(2)
    network = read_network(tmp_path / "out" / "model")
    assert linear_layer(network).name == "logit"
    rows = read_manifest(tmp_path / "manifests" / "valid.parquet")
    p_fake = Classifier.load(tmp_path / "out" / "model").p_fake(load_crops(rows, tmp_path / "faces", 96, 2))
    assert roc_auc_score(rows["label"], p_fake) == pytest.approx(result.report["valid_auc"], abs=1e-3)


@pytest.mark.parametrize("side", [64, 128])
def test_statistics_are_means_over_middle_windows(side: int) -> None:
    network = build_network("lite0", side, {"pooling": "statistics"}, "imagenet")
    layers = [
        layer for layer in network.layers if layer.name.endswith("_dw_act") and layer.output.shape[1] <= side // 4
    ]
    pixels = np.random.default_rng(1).uniform(0, 255, (2, side, side, 3)).astype(np.float32)
    outputs = [*(layer.output for layer in layers), network.get_layer("statistics").output]
    *values, found = (np.asarray(output) for output in keras.Model(network.input, outputs)(pixels))
    expected = []
    for eighths in (8, 6, 4, 2):
        for value in values:
            edge = value.shape[1] * (8 - eighths) // 16
            inner = value[:, edge : value.shape[1] - edge, edge : value.shape[2] - edge]
            expected.append(inner.mean((1, 2)))
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-5)
    assert found.shape[1] == 4 * sum(value.shape[-1] for value in values) == 35712


def with_moments(moments: list[str], inside: list[str]) -> tuple[keras.Model, keras.Model, NDArray[np.float32]]:
    """A network with second moments of these layers, the same up to its statistics, and pictures."""
    arguments = {"pooling": "statistics", "blocks": 9, "moments": moments, "inner_moments": inside}
    network = build_network("lite0", 64, arguments, "imagenet")
    pixels = np.random.default_rng(1).uniform(0, 255, (6, 64, 64, 3)).astype(np.float32)
    pixels[3:] = np.sort(pixels[3:], axis=1)  # pictures of two kinds
    return network, keras.Model(network.input, network.get_layer("statistics").output), pixels


def test_second_moments_are_correlations_and_strengths_of_channels_of_the_picture_and_its_inner_half() -> None:
    network, read, pixels = with_moments(["b4", "b1"], ["b3_dw", "b2"])
    names = ("b4_add", "b1_proj", "b3_dw_act", "b2_add")
    given = [network.get_layer(name).output for name in names]
    maps = dict(zip(names, map(np.asarray, keras.Model(network.input, given)(pixels)), strict=True))
    whole = [moments_of(maps[name]) for name in names[:2]]
    inner = [moments_of(maps[name], maps[name].shape[1] // 4) for name in names]
    found = np.asarray(read(pixels))
    means, *moments = (found[:, part] for part in parts(network))
    np.testing.assert_allclose(moments[0], np.concatenate(whole, axis=1), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(moments[1], np.concatenate(inner, axis=1), rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(np.concatenate([means, *moments], axis=1), found)
    assert means.shape[1] == 4 * (96 + 2 * 144 + 2 * 240 + 3 * 480)


def moments_of(maps: NDArray[np.float32], edge: int = 0) -> NDArray[np.float32]:
    """Cosines of every two of the first 64 channels, and their mean squares, without `edge` rows and columns around."""
    inside = maps[:, edge : maps.shape[1] - edge, edge : maps.shape[2] - edge, :64]
    rows = inside.reshape(len(maps), -1, inside.shape[-1]).astype(np.float64)
    products = np.einsum("npi,npj->nij", rows, rows) / rows.shape[1]
    strengths = np.einsum("nii->ni", products)
    deviations = np.sqrt(strengths)
    cosines = products / np.maximum(deviations[:, :, np.newaxis] * deviations[:, np.newaxis], 1e-12)
    return np.concatenate([cosines.reshape(len(maps), -1), strengths], axis=1)


def test_contrast_changes_the_strengths_alone() -> None:
    maps = keras.Input((8, 8, 5))
    statistics = keras.Model(maps, statistics_of([], [Seen("maps", maps)])).get_layer("statistics")
    read = keras.Model(maps, statistics.output)
    values = np.random.default_rng(1).normal(size=(3, 8, 8, 5)).astype(np.float32)
    values[..., 2] = 0  # a silent channel is related to nothing
    of_values, of_stronger = (np.asarray(read(factor * values)).reshape(3, 2, 30) for factor in (1, 3))
    np.testing.assert_allclose(of_stronger[..., :25], of_values[..., :25], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(of_stronger[..., 25:], 9 * of_values[..., 25:], rtol=1e-5)
    assert not of_values.reshape(3, 2, 6, 5)[..., 2].any()
    assert not np.isnan(of_values).any()


def test_moments_are_aligned_to_their_strongest_principal_axes() -> None:
    network, read, pixels = with_moments(["b2", "b8"], ["b3_dw"])
    raw = unaligned(network)
    assert raw is not None
    before, statistics = np.asarray(raw(pixels)), np.asarray(read(pixels))
    assert before.shape == (6, 24**2 + 112**2 + 144**2)
    align(network, before)
    after = np.asarray(read(pixels))
    means, whole, inner = parts(network)
    np.testing.assert_array_equal(after[:, means], statistics[:, means])
    place = 0
    of_24, of_80 = 24**2 + 24, 80**2 + 80
    starts = (whole.start, whole.start + of_24, inner.start + of_24 + of_80)
    for channels, axes, start in zip((24, 112, 144), (24, 80, 64), starts, strict=True):
        old = before[:, place : place + channels**2].mean(0).reshape(channels, channels)
        cosines, strengths = np.split(after[:, start : start + axes**2 + axes], [axes**2], axis=1)
        deviations = np.sqrt(strengths)
        products = cosines.reshape(-1, axes, axes) * deviations[:, :, np.newaxis] * deviations[:, np.newaxis]
        new = products.mean(0)
        strongest = np.linalg.eigvalsh(old)[::-1][:axes]
        np.testing.assert_allclose(new, np.diag(strongest), rtol=1e-3, atol=1e-4 * strongest.max())
        assert np.abs(old - np.diag(np.diag(old))).max() > 0.1 * np.abs(old).max()
        place += channels**2
    # Axes that are found later do not depend on these: a second ridge phase finds its own.
    np.testing.assert_array_equal(np.asarray(raw(pixels)), before)


def test_without_moments_nothing_is_aligned() -> None:
    assert unaligned(build_network("lite0", 32, {"pooling": "statistics", "blocks": 3})) is None


def test_fewer_blocks_are_the_first_ones() -> None:
    names = {layer.name for layer in build_network("lite0", 32, {"blocks": 5}).layers}
    assert "b4_proj" in names
    assert not names & {"b5_exp", "b5_dw", "head"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pooling": "max"}, "pooling is average or statistics, heads from 1 up, "),
        ({"blocks": 17}, "pooling is .*, blocks from 1 to 16"),
        ({"blocks": 0}, "pooling is .*, blocks from 1 to 16"),
        ({"heads": 0}, "pooling is .*, heads from 1 up"),
        ({"blocks": 1, "pooling": "statistics"}, "pooling is .*, blocks from 2 to 16"),
        ({"moments": ["b2"]}, "moments are, with statistics"),
        ({"moments": ["b2", "b5"], "blocks": 5, "pooling": "statistics"}, "moments are, .* b0, b0_dw, .*b4_dw"),
        ({"inner_moments": ["b2_exp"], "pooling": "statistics"}, "moments are, .*different layers.* b15_dw"),
        ({"moments": ["b2"], "inner_moments": ["b2"], "pooling": "statistics"}, "moments are, .*different layers"),
    ],
)
def test_other_arguments_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(FauxfaceError, match=f"cannot be built with them: {said}"):
        build_network("lite0", 32, arguments)


def test_the_standardisation_never_learns() -> None:
    network = build_network("lite0", 32, {"pooling": "statistics", "blocks": 2})
    for rule in ("all", "from:stem", "head"):
        set_trainable(network, rule)
        assert not network.get_layer("standardise").trainable
        assert network.get_layer("logit").trainable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PROBE.replace("pooling: statistics, ", ""), r"phase 'probe' is a ridge phase, .* lite0 with pooling"),
        (PROBE + "  - {{name: again, method: ridge}}\n", "probe and again are ridge phases; there can be one"),
        (RATE.replace("0.001", "0") + PROBE + "  - {{name: tune}}\n", "learning_rate: must be greater than 0"),
        (PROBE + "  - {{name: tune}}\n", "phases.1.epochs: Field required"),
    ],
)
def test_a_fault_of_a_ridge_phase_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text.format(size=32), encoding="utf-8")
    with pytest.raises(Exception, match=f"(?s)mine.yaml.*{said}"):
        load_recipe(str(path))


def test_a_recipe_with_a_ridge_phase_survives_being_written_and_read() -> None:
    recipe = load_recipe("default")
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    (phase,) = recipe.stages()
    assert (phase.method, phase.epochs, phase.name) == ("ridge", 1, "probe")


def test_the_default_sees_small_faces_as_crops_enlarge_them(photograph: NDArray[np.uint8]) -> None:
    finest = np.array([_finest(look) for look in _changed_looks(photograph)]) / _finest(photograph)
    assert np.mean(finest < 0.35) > 0.5  # the third that were small, and others, which are as blurred
    assert np.mean(finest > 0.5) > 0.1


def test_the_default_sees_noise() -> None:
    grey = np.full((256, 256, 3), 128, np.uint8)
    assert 0.08 < np.mean([look.std() > 0.5 for look in _changed_looks(grey)]) < 0.25


def test_what_the_default_changes_is_encoded_as_crops_are(photograph: NDArray[np.uint8]) -> None:
    """Else the head learns that reals without that encoding are reals, and takes noisy or blurred crops for fakes."""
    for look in _changed_looks(photograph):
        assert np.abs(look.astype(int) - encoded_again(look, 75)).mean() < 0.1  # what is not encoded yet moves by 2


@pytest.fixture(scope="module")
def photograph(real_data: Path) -> NDArray[np.uint8]:
    """A real face, (256, 256, 3), encoded as the default's crops are."""
    with zipfile.ZipFile(real_data / "faces" / "ffhq_stylegan.zip") as archive:
        name = next(name for name in archive.namelist() if name.startswith("real/") and name.endswith(".jpg"))
        face = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR_RGB)
    return encoded_again(np.asarray(face, np.uint8), 75)


def _changed_looks(face: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    augment = Augmenter(load_recipe("default").stages()[0].augmentation, 256)
    return [augment(face, (number,)) for number in range(100)]


def _finest(face: NDArray[np.uint8]) -> float:
    """How much of a face is finer than what a picture of 0.72 of its size can hold."""
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(face.mean(axis=2))))
    distance = np.abs(np.arange(256) - 128)
    return float(spectrum[np.maximum.outer(distance, distance) > 0.72 * 128].mean())
