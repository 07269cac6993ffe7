"""`fauxface calibrate` as a user types it: a threshold from real photographs, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tasks.scoring.card import load_card
from tests.flows.stand_in import write_stand_in

PROGRAM = Path(sys.executable).parent / "fauxface"
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def place(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, sixty photographs of faces to calibrate by, sixty others, and one of them twice."""
    folder = tmp_path_factory.mktemp("calibrate")
    write_stand_in(folder / "data" / "model")
    with zipfile.ZipFile(real_data / "faces" / "lfw.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))[:120]
        for number, name in enumerate(names):
            part = folder / ("mine" if number % 2 else "others")
            part.mkdir(exist_ok=True)
            (part / f"{number:03d}.jpg").write_bytes(archive.read(name))
    (folder / "mine" / "copy.jpg").write_bytes((folder / "mine" / "001.jpg").read_bytes())
    (folder / "mine" / "notes.txt").write_text("no picture")
    return folder


def fauxface(folder: Path, *words: str) -> Done:
    return subprocess.run([str(PROGRAM), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=200)


def test_a_threshold_from_photographs_holds_for_others(place: Path) -> None:
    before = load_card(place / "data" / "model")
    done = fauxface(place, "calibrate", "--reals", "mine", "--false-alarms", "10%")
    assert done.returncode == 0, done.stderr
    card = load_card(place / "data" / "model_calibrated")
    own = card.calibrated
    assert own is not None
    assert own.photographs == 60
    assert own.false_alarms == 5  # 10 % of 61, less one
    assert "copies of another" in done.stdout
    assert "1 not_an_image" in done.stdout
    assert "from 60 photographs with a face: it calls 5 of them fake, 8.3 % (95 % interval 2." in done.stdout
    assert f"model {card.model_id}, made of {before.model_id}" in done.stdout
    assert load_card(place / "data" / "model") == before
    others = sorted(str(path) for path in (place / "others").iterdir())
    found = fauxface(place, "predict", "--json", "--model", "data/model_calibrated", *others).stdout
    images = [json.loads(line) for line in found.splitlines()]
    assert 0 < np.mean([image.get("image_is_fake", False) for image in images]) < 0.3


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--reals", "mine"), 1, "60 photographs with a face are too few for 1 % false alarms: it takes 99"),
        (("--reals", "mine", "--false-alarms", "lots"), 2, "is no rate up to 50 %"),
        (("--reals", "mine", "--false-alarms", "0"), 2, "is no rate up to 50 %"),
        (("--reals", "mine", "--false-alarms", "60%"), 2, "is no rate up to 50 %"),
        (("--reals", "nowhere", "--false-alarms", "10%"), 1, "nowhere"),
        (("--reals", "mine", "--model", "nowhere"), 1, "holds no model"),
        (("--reals", "mine", "--out", "data/model"), 1, "is the model itself"),
        (("--reals", "mine", "--out", "others"), 1, "holds no model. Name another folder"),
        ((), 2, "--reals"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(place: Path, words: tuple[str, ...], status: int, said: str) -> None:
    done = fauxface(place, "calibrate", *words)
    assert done.returncode == status
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
