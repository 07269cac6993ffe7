"""`fauxface explain` and `predict --explain`: pictures of the evidence, of files of any name."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.flows.stand_in import write_stand_in

PROGRAM = Path(sys.executable).with_name("fauxface")
HOSTILE = "<img src=x onerror=alert(1)>.jpg"


@pytest.fixture
def folder(tmp_path: Path, real_data: Path) -> Path:
    """A folder with a model and a portrait of a hostile name."""
    with zipfile.ZipFile(real_data / "faces" / "lfw.zip") as archive:
        (tmp_path / HOSTILE).write_bytes(archive.read("lfw/Abel_Pacheco/Abel_Pacheco_0001.jpg"))
    write_stand_in(tmp_path / "data" / "model", middle=70)
    return tmp_path


def fauxface(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_predict_draws_the_evidence_beside_the_face(folder: Path) -> None:
    done = fauxface(folder, "predict", HOSTILE, "--explain", "out.png")
    assert done.returncode == 0, done.stderr
    drawn = cv2.imread(str(folder / "out.png"))
    assert drawn is not None
    assert drawn.shape[1] == 10 + 3 * (192 + 10)
    assert np.ptp(drawn[100:200, 20:180]) > 100


def test_explain_takes_a_method_and_refuses_one_that_does_not_suit(folder: Path) -> None:
    done = fauxface(folder, "explain", HOSTILE, "--method", "occlusion", "--out", "hidden.png")
    assert done.returncode == 0, done.stderr
    assert "1 face by occlusion: hidden.png" in done.stdout
    assert (folder / "hidden.png").is_file()
    wrong = fauxface(folder, "explain", HOSTILE, "--method", "magic")
    assert wrong.returncode == 2
    assert "--method magic: is none of best, exact, occlusion, shap" in wrong.stderr
    keras = fauxface(folder, "explain", HOSTILE, "--method", "gradcam")
    assert keras.returncode == 1
    assert len(keras.stderr.strip().splitlines()) <= 2, keras.stderr
