from __future__ import annotations

import keras
import numpy as np
import pytest

from tasks.params import FauxfaceError
from tasks.training.zoo import build_network, logit_model


def test_cnn3_is_as_published() -> None:
    kinds = [type(layer).__name__ for layer in build_network("cnn3", 64, {}).layers]
    assert kinds.count("Conv2D") == 3
    assert kinds.count("MaxPooling2D") == 3
    assert kinds.count("Dense") == 1
    assert kinds[-3:] == ["Dropout", "Dense", "Activation"]
    assert kinds[-4] == "Flatten"


def test_the_last_layers_are_the_logit_and_its_sigmoid() -> None:
    model = build_network("cnn3", 32, {})
    faces = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
    p_fake, logits = model.predict(faces, verbose=0), logit_model(model).predict(faces, verbose=0)
    assert p_fake.shape == logits.shape == (3, 1)
    assert model.layers[-1].name == "p_fake"
    np.testing.assert_allclose(p_fake, 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_the_network_takes_pixels_as_they_are() -> None:
    first = build_network("cnn3", 32, {}).get_layer("rescale")
    values = keras.ops.convert_to_numpy(first(np.array([0.0, 127.5, 255.0], np.float32)))
    np.testing.assert_allclose(values, [-1, 0, 1], atol=1e-6)


def test_two_networks_in_one_process_have_the_same_names() -> None:
    one, two = (build_network("cnn3", 32, {}).to_json() for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [("cnn33", {}, "not in the zoo; there are .*cnn3"), ("cnn3", {"width": 3}, "width: cnn3 takes .*widths")],
)
def test_what_the_zoo_does_not_know_is_named(name: str, arguments: dict[str, int], said: str) -> None:
    with pytest.raises(FauxfaceError, match=said):
        build_network(name, 32, arguments)
