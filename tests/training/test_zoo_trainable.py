from __future__ import annotations

import keras
import numpy as np
import pytest

from tasks.params import FauxfaceError
from tasks.training.networks.zoo import build_network, logit_model, set_trainable

LEARNS = {
    ("cnn3", "head"): ["logit"],
    ("cnn3", "head+last_conv"): ["conv_3", "prelu_3", "logit"],
    ("foolme", "head"): ["dense_4", "norm_4", "logit"],
    ("lite0", "head"): ["logit"],
    ("lite0", "head+last_conv"): ["head", "logit"],
    ("lite0", "from:b15_dw"): ["b15_dw", "b15_proj", "head", "logit"],
    ("mobilenet_v3", "head"): ["logit"],
    ("mobilenet_v3", "head+last_conv"): ["conv_1", "conv_1_bn", "logit"],
    ("resnet18", "head+last_conv"): ["layer4_1_conv2", "layer4_1_bn2", "logit"],
    ("resnet50", "head+last_conv"): ["conv5_block3_3_conv", "conv5_block3_3_bn", "logit"],
}


@pytest.mark.parametrize(("name", "rule"), LEARNS)
def test_a_rule_lets_its_layers_learn_and_no_others(name: str, rule: str) -> None:
    network = build_network(name, 64, {})
    everything = len(network.trainable_weights)
    set_trainable(network, rule)
    assert list(dict.fromkeys(weight.path.split("/")[0] for weight in network.trainable_weights)) == LEARNS[name, rule]
    set_trainable(network, "all")
    assert len(network.trainable_weights) == everything


def test_frozen_layers_keep_everything_in_training() -> None:
    """Their weights, and the statistics of their batch normalisation, which is not computed anew from the batch."""
    network = build_network("foolme", 32, {"dropout": 0.0})
    faces = np.random.default_rng(3).uniform(0, 255, (8, 32, 32, 3)).astype(np.float32)
    set_trainable(network, "from:conv_3")
    before = {weight.path: np.array(weight) for weight in network.weights}
    inner = keras.Model(network.input, network.get_layer("pool_2").output)
    np.testing.assert_allclose(np.asarray(inner(faces, training=True)), np.asarray(inner(faces)), atol=1e-6)
    trained = logit_model(network)
    trained.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    trained.train_on_batch(faces, np.tile([[0.0], [1.0]], (4, 1)))
    changed = {path.split("/")[0] for path, value in before.items() if not np.array_equal(value, _now(network, path))}
    assert changed == {"conv_3", "norm_3", "dense_4", "norm_4", "logit"}


def _now(network: keras.Model, path: str) -> np.ndarray:
    return next(np.array(weight) for weight in network.weights if weight.path == path)


def test_an_unknown_layer_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        FauxfaceError, match=r"cnn3 has no layer 'conv_4'; .* conv_1, prelu_1, .*conv_3, prelu_3, norm, logit"
    ):
        set_trainable(build_network("cnn3", 32, {}), "from:conv_4")


@pytest.mark.parametrize("rule", ["", "heads", "last_conv", "from"])
def test_an_unknown_rule_is_answered_with_those_there_are(rule: str) -> None:
    with pytest.raises(FauxfaceError, match=r"is no rule; there are all, head, head\+last_conv, from:<layer name>"):
        set_trainable(build_network("cnn3", 32, {}), rule)
