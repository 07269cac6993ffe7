"""What a training computes in, and that the model it saves is the same kind of file whatever that was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pytest

from tasks.scoring.card import ARCHITECTURE, WEIGHTS
from tasks.scoring.classifier import Classifier
from tasks.scoring.crops import load_crops, read_manifest
from tasks.training.fitting import backend
from tasks.training.recipe.recipes import load_recipe
from tasks.training.train import _network


def nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a stand-in for NVIDIA's tool first on the path."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.parametrize(
    ("device", "script", "expected"),
    [
        ("tensorflow cpu", "echo 9.0", "f32"),
        ("jax gpu", "echo 9.0", "bf16"),
        ("torch cuda", "echo 8.0", "bf16"),
        ("torch cuda", "echo 7.5", "f32"),
        ("jax gpu", "echo 9.0; echo 7.0", "f32"),
        ("jax gpu", "echo '[N/A]'", "f32"),
        ("jax gpu", "exit 9", "f32"),
        ("jax tpu", "exit 9", "bf16"),
    ],
)
def test_auto_is_bf16_where_every_device_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, script: str, expected: str
) -> None:
    monkeypatch.setattr(backend, "device", lambda: device)
    nvidia_smi(tmp_path, monkeypatch, script)
    assert backend.choose_precision("auto") == expected


@pytest.mark.parametrize("asked", ["f32", "bf16"])
def test_what_is_asked_for_is_used_on_any_device(asked: Literal["f32", "bf16"]) -> None:
    assert backend.choose_precision(asked) == asked


def test_in_bf16_the_layers_compute_so_and_the_logit_does_not(toy: Any) -> None:
    network = _network(load_recipe(str(toy.recipe)), 1, "bf16")
    assert network.get_layer("conv_1").compute_dtype == "bfloat16"
    assert network.get_layer("logit").compute_dtype == "float32"
    assert {str(weight.dtype) for weight in network.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32", "what is built afterwards is as ever"


def test_a_model_that_was_trained_in_bf16_is_saved_as_any_other(toy: Any, trained: Any, tmp_path: Path) -> None:
    result = toy.train(tmp_path, precision="bf16")
    assert result.report["precision"] == "bf16"
    saved = tmp_path / "model"
    assert (saved / ARCHITECTURE).read_bytes() == (trained.model / ARCHITECTURE).read_bytes()
    assert (saved / WEIGHTS).read_bytes() != (trained.model / WEIGHTS).read_bytes()
    assert "bfloat16" not in json.dumps(json.loads((saved / ARCHITECTURE).read_text()))
    test = read_manifest(toy.manifests / "test.parquet")
    p_fake = Classifier.load(saved).p_fake(load_crops(test, toy.faces, 48, 2))
    assert np.mean((p_fake >= result.card.threshold) == (test["label"] == 1)) > 0.9


def test_a_model_with_frozen_layers_is_saved_as_any_other(toy: Any, trained: Any, tmp_path: Path) -> None:
    recipe = tmp_path / "head.yaml"
    recipe.write_text(toy.recipe.read_text(encoding="utf-8") + "trainable: head\n", encoding="utf-8")
    type(toy)(toy.root, recipe).train(tmp_path, epochs=1)
    assert (tmp_path / "model" / ARCHITECTURE).read_bytes() == (trained.model / ARCHITECTURE).read_bytes()
