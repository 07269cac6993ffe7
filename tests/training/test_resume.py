"""A training killed in the middle of an epoch, in any phase, goes on to the weights of an unbroken one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.params.files import sha256_file
from tasks.scoring.card import FILES

KILLED_IN_EPOCH = 2
SCRIPT = """
import os, signal, sys
from pathlib import Path
from tasks.training.fitting.backend import prepare_backend
prepare_backend()
import keras
from tasks.params import CropParams, TrainParams
from tasks.training.fitting import callbacks
from tasks.training.train import train

class Kill(callbacks.TellEpoch):
    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self.now = epoch
    def on_train_batch_end(self, batch, logs=None):
        if self.now == {epoch} and batch == 4:
            os.kill(os.getpid(), signal.SIGKILL)

from tasks.training.fitting import fit
fit.TellEpoch = Kill
root, out = Path({root!r}), Path({out!r})
train(root / "manifests", root / "faces", out / "model", CropParams(), TrainParams(recipe={recipe!r}, seed=3),
      out / "state", out / "history.csv", workers=2, progress=False)
"""


PHASES = """
phases:
  - {name: head, trainable: head, epochs: 2}
  - {name: whole, epochs: 3, learning_rate: 0.001, optimizer: sgd, optimizer_arguments: {momentum: 0.9}}
"""


def kill_in(toy: Any, out: Path, epoch: int, project: Path) -> None:
    """Train until the middle of `epoch`, counted from 0, and kill the process there."""
    script = SCRIPT.format(epoch=epoch, root=str(toy.root), out=str(out), recipe=str(toy.recipe))
    killed = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (out / "model").exists()
    assert (out / "state" / "state.npz").exists() == (epoch > 0)


def assert_equal(one: Path, other: Path) -> None:
    for name in (*FILES, "card.json"):
        assert sha256_file(one / "model" / name) == sha256_file(other / "model" / name), name
    assert (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes()


@pytest.mark.slow  # tests/faults/test_kills.py strikes trainings too
@pytest.mark.timeout(300)
def test_sigkill_and_resume_equal_an_unbroken_run(toy: Any, trained: Any, tmp_path: Path, project: Path) -> None:
    kill_in(toy, tmp_path, KILLED_IN_EPOCH, project)
    resumed = toy.train(tmp_path)
    assert resumed.report["resumed_after"] == KILLED_IN_EPOCH
    assert_equal(tmp_path, trained.folder)
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_so_does_a_training_in_phases_killed_between_and_in_them(toy: Any, tmp_path: Path, project: Path) -> None:
    """The network has batch normalisation and dropout; its head is trained with one optimizer, all with another."""
    recipe = tmp_path / "phases.yaml"
    recipe.write_text(toy.recipe.read_text(encoding="utf-8") + PHASES, encoding="utf-8")
    phased = type(toy)(toy.root, recipe)
    phased.train(tmp_path / "unbroken")
    for epoch in (2, 3):  # before the second phase has a state of its own, and when it has
        kill_in(phased, tmp_path / "killed", epoch, project)
    assert phased.train(tmp_path / "killed").report["resumed_after"] == 3
    assert_equal(tmp_path / "killed", tmp_path / "unbroken")
