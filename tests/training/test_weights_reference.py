from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tasks.params import FauxfaceError
from tasks.training.networks import reference
from tasks.training.networks.weights_reference import load_saved, save_weights
from tasks.training.networks.zoo import build_network

SIDE = 32


def test_a_training_begins_with_all_weights_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = build_network("lite0", SIDE, {})
    save_weights(saved, tmp_path / reference.WEIGHTS_FILE)
    monkeypatch.setattr(reference, "PACKAGED", tmp_path)
    begun = build_network("lite0", 64, {}, "reference")  # of another size: the convolutions are the same
    for one, other in zip(saved.get_weights(), begun.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-7)


def test_without_a_model_in_the_package_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PACKAGED", tmp_path)
    with pytest.raises(FauxfaceError, match=r"no reference model.*weights: imagenet"):
        build_network("lite0", SIDE, {}, "reference")


def test_weights_of_another_form_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(build_network("cnn3", SIDE, {}), path)
    with pytest.raises(FauxfaceError, match="and not of this lite0"):
        load_saved(build_network("lite0", SIDE, {}), path)
    path.write_bytes(b"no tensors")
    with pytest.raises(FauxfaceError, match="cannot be read as safetensors"):
        load_saved(build_network("lite0", SIDE, {}), path)


def test_other_networks_have_no_reference() -> None:
    with pytest.raises(FauxfaceError, match=r"cnn3 knows no `reference`; it takes `mtcnn`, `none`"):
        build_network("cnn3", SIDE, {}, "reference")


def test_a_network_may_begin_with_a_model_that_was_trained_here(tmp_path: Path) -> None:
    saved = build_network("foolme", SIDE, {})
    path = tmp_path / "model.weights.h5"
    saved.save_weights(path)
    begun = build_network("foolme", SIDE, {}, str(path))
    assert all(np.array_equal(a, b) for a, b in zip(saved.get_weights(), begun.get_weights(), strict=True))
    other = tmp_path / "other.weights.h5"
    shutil.copy(path, other)
    with pytest.raises(FauxfaceError, match=r"other.weights.h5: holds no weights of this cnn3"):
        build_network("cnn3", SIDE, {}, str(other))
