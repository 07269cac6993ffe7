"""Two models as one: the graph gives the mean of both, for faces of either model's size."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
import pytest

from tasks.explanation.exact import ExactNetwork
from tasks.imaging.resize import resize_to
from tasks.params import FauxfaceError
from tasks.params.files import sha256_file, write_json
from tasks.scoring.card import CARD, SCORER, SCORER_WEIGHTS, Intent, ModelCard, load_card
from tasks.scoring.classifier import Classifier
from tasks.scoring.crops import load_crops, read_manifest
from tasks.training.artefact.joined import join
from tasks.training.artefact.packaged import package
from tasks.training.networks.reference import WEIGHTS_FILE


@pytest.fixture
def pair(trained: Any, tmp_path: Path) -> tuple[Path, Path]:
    """The trained model twice, the second time with twice the temperature."""
    folders = [Path(shutil.copytree(trained.model, tmp_path / name)) for name in ("first", "second")]
    card = load_card(folders[1])
    write_json(folders[1] / CARD, card.changed(temperature=2 * card.temperature).model_dump(mode="json"))
    return folders[0], folders[1]


def test_the_logit_is_the_mean_of_both_each_by_its_temperature(pair: tuple[Path, Path], toy: Any) -> None:
    faces = load_crops(read_manifest(toy.manifests / "test.parquet"), toy.faces, 48, 2)
    before = Classifier.load(pair[0])
    seen = before.seen(faces)
    card = join(*pair, toy.manifests, toy.faces, 2)
    after = Classifier.load(pair[0]).seen(faces)
    np.testing.assert_allclose(after.logits, 0.75 * seen.logits / before.card.temperature, rtol=0.02, atol=0.02)
    assert seen.features is not None
    assert after.features is not None
    np.testing.assert_allclose(after.features, seen.features, rtol=0.02, atol=0.02)
    assert card == load_card(pair[0])
    assert card.model_id != before.card.model_id
    assert card.recipe["name"].count(" and ") == 1


def test_a_map_of_a_joined_model_adds_up_to_its_logit(pair: tuple[Path, Path], toy: Any) -> None:
    join(*pair, toy.manifests, toy.faces, 2)
    (face, *_) = load_crops(read_manifest(toy.manifests / "test.parquet"), toy.faces, 48, 2)
    found = ExactNetwork(pair[0] / SCORER, 48).explain(face)
    assert found.map(48).sum() + found.constant == pytest.approx(found.logit, abs=1e-3)
    assert found.logit == pytest.approx(float(Classifier.load(pair[0]).logits(face[None])[0]), abs=1e-3)


def test_a_smaller_model_sees_faces_as_they_are_resized_for_it(pair: tuple[Path, Path], toy: Any) -> None:
    """The second model takes 96 px: a graph that looks at the middle of each 2 x 2 pixels stands for it."""
    larger = _of_the_mean(pair[1], 96)
    faces = [cv2.resize(face, (96, 96), interpolation=cv2.INTER_CUBIC) for face in _noise(6)]
    alone = Classifier.load(pair[0])
    expected = [
        0.5 * alone.logits(resize_to(face, 48)[None])[0] / alone.card.temperature
        + 0.5 * face.mean() / larger.temperature
        for face in faces
    ]
    assert join(*pair, toy.manifests, toy.faces, 2).input_size == 96
    np.testing.assert_allclose(Classifier.load(pair[0]).logits(np.stack(faces)), expected, rtol=0.02, atol=0.05)


def test_the_package_takes_two_models_and_says_so(pair: tuple[Path, Path], toy: Any, tmp_path: Path) -> None:
    out = tmp_path / "package"
    intent = Intent(limits="Toys only.", intended_use="Tests.", not_for="Faces.", licence="None.")
    card = package(pair[0], toy.manifests, toy.faces, out, intent, {}, beside=pair[1])
    assert load_card(out) == card
    assert " and " in card.recipe["name"]
    assert card.answers is not None
    assert card.valid["n"] == 40
    assert (out / WEIGHTS_FILE).is_file()
    faces = load_crops(read_manifest(toy.manifests / "test.parquet"), toy.faces, 48, 2)
    join(*pair, toy.manifests, toy.faces, 2)
    np.testing.assert_allclose(Classifier.load(out).logits(faces), Classifier.load(pair[0]).logits(faces), atol=1e-4)


def test_models_of_other_faces_are_refused(pair: tuple[Path, Path], toy: Any) -> None:
    card = load_card(pair[1])
    write_json(pair[1] / CARD, card.changed(data={"train.parquet": "0" * 64}).model_dump(mode="json"))
    with pytest.raises(FauxfaceError, match="other faces"):
        join(*pair, toy.manifests, toy.faces, 2)


def _noise(count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(3).integers(0, 256, (count, 24, 24, 3)).astype(np.uint8)


def _of_the_mean(folder: Path, size: int) -> ModelCard:
    """Give the model in `folder` a graph whose logit is the mean of all pixels of pictures of `size`."""
    ops = openvino.opset13
    picture = ops.parameter([-1, size, size, 3], np.float32)
    mean = ops.reduce_mean(picture, [1, 2, 3], keep_dims=False)
    openvino.serialize(openvino.Model([ops.unsqueeze(mean, 1)], [picture]), folder / SCORER)
    card = ModelCard.model_validate_json((folder / CARD).read_text())
    files = {**card.files, **{name: sha256_file(folder / name) for name in (SCORER, SCORER_WEIGHTS)}}
    card = card.changed(files=files, input_size=size)
    write_json(folder / CARD, card.model_dump(mode="json"))
    return card
