"""Every network in both of its forms: Keras' and the exported one."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.scoring import classifier
from tasks.scoring.classifier import BY_GROUPS, Scorer
from tasks.training.artefact.export import export_scorer
from tasks.training.artefact.saving import TOLERANCE
from tasks.training.networks.network_file import write_network
from tasks.training.networks.zoo import NETWORKS, build_network, logit_model

CASES = [
    *(pytest.param(name, {}, "none") for name in sorted(NETWORKS) if name not in ("lite0", "resnet50")),
    pytest.param("resnet50", {}, "none", marks=pytest.mark.slow),
    pytest.param("cnn3", {}, "mtcnn"),  # whose slopes are not all the same
    pytest.param("lite0", {}, "imagenet"),
    pytest.param("lite0", {"batch_norm": True}, "imagenet"),
    pytest.param(
        "lite0",
        {"pooling": "statistics", "blocks": 9, "moments": ["b4", "b6", "b8"], "inner_moments": ["b2_dw"], "heads": 2},
        "imagenet",
    ),
]


@pytest.fixture(scope="module")
def faces(real_data: Path) -> NDArray[np.uint8]:
    """Real and generated faces, (16, 256, 256, 3)."""
    with zipfile.ZipFile(real_data / "faces" / "ffhq_stylegan.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::100]
        files = [np.frombuffer(archive.read(name), np.uint8) for name in names]
    return np.stack([np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8) for file in files])[..., ::-1]


@pytest.mark.parametrize(("name", "arguments", "weights"), CASES)
def test_both_forms_give_the_same_logits_on_real_faces(
    name: str,
    arguments: dict[str, Any],
    weights: str,
    faces: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = 128 if name.startswith("resnet") else 64
    keras.utils.set_random_seed(1)
    network = build_network(name, size, arguments, weights)
    pixels = np.stack([cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA) for face in faces])
    if weights != "imagenet":
        _settle(network, pixels.astype(np.float32))
    write_network(network, tmp_path)
    export_scorer(tmp_path)
    expected = np.asarray(logit_model(network)(pixels.astype(np.float32)))
    assert np.ptp(expected) > 0.1  # it does tell faces apart
    for choices in ({}, BY_GROUPS):  # by the kernels that OpenVINO takes by itself, and by those preferred to them
        monkeypatch.setattr(classifier, "BY_GROUPS", choices)
        found = np.stack(list(Scorer(tmp_path / "scorer.xml", size).begin(pixels)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def _settle(network: keras.Model, pixels: NDArray[np.float32]) -> None:
    """Give the batch normalisation the statistics of these faces, as a training would leave them."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(pixels, training=True)
