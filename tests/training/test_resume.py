"""A training killed in the middle of an epoch goes on to the weights of an unbroken one."""

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
from tasks.training.backend import prepare_backend
prepare_backend()
import keras
from tasks.params import CropParams, TrainParams
from tasks.training import callbacks
from tasks.training.train import train

class Kill(callbacks.TellEpoch):
    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self.now = epoch
    def on_train_batch_end(self, batch, logs=None):
        if self.now == {epoch} and batch == 4:
            os.kill(os.getpid(), signal.SIGKILL)

from tasks.training import fit
fit.TellEpoch = Kill
root, out = Path({root!r}), Path({out!r})
train(root / "manifests", root / "faces", out / "model", CropParams(), TrainParams(recipe={recipe!r}, seed=3),
      out / "state", out / "history.csv", workers=2, progress=False)
"""


@pytest.mark.timeout(120)
def test_sigkill_and_resume_equal_an_unbroken_run(toy: Any, trained: Any, tmp_path: Path, project: Path) -> None:
    script = SCRIPT.format(epoch=KILLED_IN_EPOCH, root=str(toy.root), out=str(tmp_path), recipe=str(toy.recipe))
    killed = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "model").exists()
    assert (tmp_path / "state" / "state.npz").exists()
    resumed = toy.train(tmp_path)
    assert resumed.report["resumed_after"] == KILLED_IN_EPOCH
    for name in (*FILES, "card.json"):
        assert sha256_file(tmp_path / "model" / name) == sha256_file(trained.model / name), name
    assert (tmp_path / "history.csv").read_bytes() == (trained.folder / "history.csv").read_bytes()
    assert not (tmp_path / "state").exists()
