"""What reaches a network is every batch of every epoch, once and in order, on any backend that is here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

SCRIPT = """
import json
from pathlib import Path
from tasks.training.fitting.backend import prepare_backend
prepare_backend()
import keras, numpy as np
from tasks.scoring.crops import read_manifest
from tasks.training.batches.augment import Augmenter
from tasks.training.fitting.callbacks import TellEpoch
from tasks.training.batches.loader import CropStore, FaceBatches
from tasks.training.recipe.recipes import TransformSpec

root = Path({root!r})
rows = read_manifest(root / "manifests" / "train.parquet")
flip = TransformSpec(name="HorizontalFlip", arguments={{"p": 0.5}})

def learn(workers, budget, by_hand=False):
    keras.utils.set_random_seed(1)
    store = CropStore(rows, root / "faces", {side}, workers, budget)
    batches = FaceBatches(store, rows["label"].to_numpy(np.int8), 12, seed=4, shuffle=True,
                          augmenter=Augmenter([flip], {side}), workers=workers)
    network = keras.Sequential([keras.Input(({side}, {side}, 3)), keras.layers.Rescaling(1 / 255),
                                keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(1)])
    network.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    if by_hand:
        for batches.epoch in (0, 1):
            for index in range(len(batches)):
                network.train_on_batch(*batches[index])
    else:
        network.fit(batches, epochs=2, callbacks=[TellEpoch(batches)], shuffle=False, verbose=0)
    return np.concatenate([each.reshape(-1) for each in network.get_weights()]).tolist()

few = 2 * 50 * {side} * {side} * 3  # two shards at a time are decoded
found = [learn(workers, budget) for workers, budget in ((1, 2**30), (4, 2**30), (1, few), (4, few))]
print(json.dumps([keras.backend.backend(), learn(2, 2**30, by_hand=True), found]))
"""


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.slow), "torch"])
@pytest.mark.timeout(300)
def test_any_number_of_workers_teaches_the_same(toy: Any, project: Any, backend: str) -> None:
    if backend == "torch" and find_spec(backend) is None:
        pytest.skip("PyTorch is not installed: it is no dependency, and takes gigabytes")
    surroundings = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", SCRIPT.format(root=str(toy.root), side=48)]
    done = subprocess.run(command, cwd=project, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    used, by_hand, (one, four, one_streaming, four_streaming) = json.loads(done.stdout.splitlines()[-1])
    assert used == backend
    assert one == four
    assert one_streaming == four_streaming
    assert one != one_streaming  # shuffled otherwise, since not all is in memory
    np.testing.assert_allclose(one, by_hand, atol=1e-5)
