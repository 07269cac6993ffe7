"""Data parallel training on two logical CPU devices, where JAX, which is no dependency, is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.training.fitting import parallel
from tasks.training.recipe.recipes import load_recipe
from tests.training.fitting import faces_for

SCRIPT = """
import json
from pathlib import Path
from tasks.training.fitting.backend import prepare_backend
prepare_backend()
from tasks.params import CropParams, TrainParams
from tasks.training.fitting import fit
from tasks.training.fitting import parallel
from tasks.training.train import train

used = []
spread = parallel.spread
fit.spread = lambda batches: used.append(parallel.devices_in_use()) or {batches}
root, out = Path({root!r}), Path({out!r})
params = TrainParams(recipe={recipe!r}, seed=3, epochs=2, batch_size=15)  # neither 15 nor the last 10 are for two
result = train(root / "manifests", root / "faces", out / "model", CropParams(), params, out / "state",
               out / "history.csv", workers=2, progress=False)
print(json.dumps({{**result.report, "used": used}}))
"""


def trained_on(toy: Any, devices: int, out: Path, project: Path) -> dict[str, Any]:
    flags = f"--xla_force_host_platform_device_count={devices}"
    surroundings = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    batches = "spread(batches)" if devices > 1 else "parallel._Divisible(batches, 2)"
    script = SCRIPT.format(root=str(toy.root), out=str(out), recipe=str(toy.recipe), batches=batches)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=project, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_a_batch_is_filled_up_to_what_the_devices_can_share(toy: Any) -> None:
    recipe = load_recipe(str(toy.recipe)).model_copy(update={"batch_size": 15})
    faces = faces_for(toy, recipe).of(*recipe.stages())
    filled = parallel._Divisible(faces.train, 4)
    assert len(filled) == len(faces.train) == 11
    for index, size in ((0, 15), (10, 10)):
        (pixels, labels), (more, more_labels) = faces.train[index], filled[index]
        assert len(pixels) == size
        assert len(more) == len(more_labels) == -(-size // 4) * 4
        assert np.array_equal(more[:size], pixels)
        assert np.array_equal(more[size:], pixels[: len(more) - size])
        assert np.array_equal(more_labels[size:], labels[: len(more) - size])


def test_on_one_device_batches_stay_as_they_are(toy: Any) -> None:
    recipe = load_recipe(str(toy.recipe))
    batches = faces_for(toy, recipe).of(*recipe.stages()).train
    assert parallel.devices_in_use() == 1
    assert parallel.spread(batches) is batches


@pytest.mark.slow  # a minute and a half: two trainings in processes of their own
@pytest.mark.timeout(300)
def test_two_devices_learn_what_one_does(toy: Any, tmp_path: Path, project: Path) -> None:
    """One that is given the same batches, filled up for two."""
    one = trained_on(toy, 1, tmp_path / "one", project)
    two = trained_on(toy, 2, tmp_path / "two", project)
    assert (one["used"], two["used"]) == ([1, 1], [2, 2])
    assert two["valid_loss"] == pytest.approx(one["valid_loss"], rel=0.01)
    assert two["device"] == "jax cpu"
