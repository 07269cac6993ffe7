"""A network that does not change, computed by OpenVINO and by Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tasks.training.fitting.backend import Precision, computing_in
from tasks.training.networks.zoo import build_network
from tasks.training.recipe.recipes import load_recipe
from tasks.training.ridge.feature_extractor import Frozen
from tests.training.conftest import SIDE
from tests.training.fitting import faces_for


def probe() -> keras.Model:
    network = build_network("lite0", SIDE, {"pooling": "statistics", "blocks": 5}, "imagenet")
    return keras.Model(network.input, network.get_layer("statistics").output)


@pytest.mark.parametrize(("precision", "atol"), [("f32", 1e-4), ("bf16", 0.4)])
def test_outputs_are_those_of_keras_face_by_face(toy: Any, precision: Precision, atol: float) -> None:
    with computing_in(precision):
        model = probe()
    keras_alone = probe()
    recipe = load_recipe(str(toy.recipe))
    batches = faces_for(toy, recipe).of(recipe.stages()[0]).valid
    seen: list[int] = []
    found = Frozen(model)(batches, seen.append)
    pixels = np.concatenate([batches[number][0] for number in range(len(batches))])
    assert seen == list(range(len(batches)))
    assert len(pixels) % recipe.batch_size  # the last batch is not full
    np.testing.assert_allclose(found, keras_alone.predict_on_batch(pixels.astype(np.float32)), rtol=0, atol=atol)
    assert np.ptp(found, axis=0).max() > 0.5  # faces differ


def test_openvino_computes_at_f32_on_a_processor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    exported: list[Any] = []
    monkeypatch.setattr("tasks.training.ridge.feature_extractor.export_scorer", exported.append)
    monkeypatch.setattr("tasks.training.ridge.feature_extractor.Scorer", lambda *_: None)
    with computing_in("bf16"):
        Frozen(probe())
    assert not exported
    monkeypatch.setattr("tasks.training.ridge.feature_extractor.device", lambda: "jax gpu")
    Frozen(probe())
    assert not exported
    monkeypatch.setattr("tasks.training.ridge.feature_extractor.device", lambda: "jax cpu")
    Frozen(probe())
    assert len(exported) == 1
