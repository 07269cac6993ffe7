from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import openvino
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.imaging.resize import resize_to
from tasks.params import FauxfaceError
from tasks.scoring.classifier import AVX2, AVX512F, BY_GROUPS, Classifier, Scorer, _preferring, probability
from tasks.scoring.crops import load_crops, read_manifest


@pytest.fixture(scope="module")
def classifier(trained: Any) -> Classifier:
    return Classifier.load(trained.model, 2)


@pytest.fixture(scope="module")
def faces(toy: Any) -> np.ndarray:
    return load_crops(read_manifest(toy.manifests / "test.parquet"), toy.faces, 48, 2)


def test_a_face_scores_the_same_in_any_company(classifier: Classifier, faces: np.ndarray) -> None:
    together = classifier.logits(faces)
    alone = np.concatenate([classifier.logits(face[None]) for face in faces])
    assert np.array_equal(together, alone)
    assert np.array_equal(classifier.logits(faces[::-1])[::-1], together)


def test_many_threads_may_ask_at_once(classifier: Classifier, faces: np.ndarray) -> None:
    expected = [classifier.logits(faces[start:]) for start in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda start: classifier.logits(faces[start:]), range(16)))
    assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True))


def test_crops_of_another_side_are_resized_as_in_training(classifier: Classifier) -> None:
    large = np.random.default_rng(2).integers(0, 256, (3, 96, 96, 3), np.uint8)
    small = np.stack([resize_to(crop, 48) for crop in large])
    assert np.array_equal(classifier.logits(large), classifier.logits(small))


def test_no_crops_give_no_scores(classifier: Classifier) -> None:
    assert classifier.p_fake(np.empty((0, 48, 48, 3), np.uint8)).shape == (0,)


def test_p_fake_is_the_calibrated_logit(classifier: Classifier, faces: np.ndarray) -> None:
    logits = classifier.logits(faces).astype(np.float64)
    expected = 1 / (1 + np.exp(-logits / classifier.card.temperature))
    np.testing.assert_allclose(classifier.p_fake(faces), expected, rtol=1e-5)


@pytest.mark.parametrize("avx512", [False, True])
def test_convolutions_by_groups_are_preferred_where_there_is_no_avx512(
    avx512: bool, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which kernels there are depends on the processor; what they compute does not."""
    monkeypatch.setattr(cv2, "checkHardwareSupport", lambda feature: feature == AVX2 or (avx512 and feature == AVX512F))
    path = trained.model / "scorer.xml"
    xml = _preferring(BY_GROUPS, path)
    assert (xml == path.read_bytes()) is avx512
    layers = ElementTree.fromstring(xml).iter("layer")
    preferred = {
        (layer.attrib["type"], note.get("value"))
        for layer in layers
        for note in layer.findall("rt_info/attribute[@name='primitives_priority']")
    }
    assert preferred == (set() if avx512 else {("Convolution", BY_GROUPS["Convolution"])})
    crop = np.random.default_rng(1).integers(0, 256, (1, 48, 48, 3)).astype(np.float32)
    outputs = [_computed(graph, path, crop) for graph in (path.read_bytes(), xml)]
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-4, atol=1e-4)


def _computed(xml: bytes, path: Path, crop: NDArray[np.float32]) -> NDArray[np.float32]:
    model = openvino.Core().read_model(xml, path.with_suffix(".bin").read_bytes())
    model.reshape([1, 48, 48, 3])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(crop)[0])


def test_a_graph_that_is_none_is_said(tmp_path: Path) -> None:
    for text in ("", "<net/>", "<net"):
        (tmp_path / "scorer.xml").write_text(text)
        (tmp_path / "scorer.bin").write_bytes(b"")
        with pytest.raises(FauxfaceError, match=r"scorer\.xml: OpenVINO cannot use it \("):
            Scorer(tmp_path / "scorer.xml", 48)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0.25, 20))
def test_probabilities_are_ordered_like_the_logits(logits: list[float], temperature: float) -> None:
    ordered = probability(np.sort(np.array(logits)), temperature)
    assert np.all((ordered >= 0) & (ordered <= 1))
    assert np.all(np.diff(ordered) >= 0)


def test_scoring_loads_neither_keras_nor_tensorflow(trained: Any, project: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tasks.scoring.classifier import Classifier\n"
        f"Classifier.load(Path({str(trained.model)!r}))\n"
        "assert not {'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_bf16_is_a_setting_and_moves_verdicts_little(trained: Any, classifier: Classifier, faces: np.ndarray) -> None:
    coarse = Classifier.load(trained.model, 2, "bf16")
    moved = np.abs(coarse.p_fake(faces) - classifier.p_fake(faces))
    assert moved.max() < 0.05
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert moved.max() > 0
