"""What a program may import: quick to import, complete, and the same answers as the commands give."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import fauxface
from tests.flows.conftest import write_hostile

PAGE = Path(__file__).parents[2] / "docs/reference/api.md"
HEAVY = {"numpy", "cv2", "pandas", "pyarrow", "openvino", "prefect", "tensorflow", "keras", "pydantic"}


@pytest.fixture
def folder(tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a photo and a dump of 8 pictures."""
    with zipfile.ZipFile(real_data / "faces/stable_diffusion3.zip") as source:
        names = [name for name in source.namelist() if not name.endswith("/")][:8]
        (tmp_path / "photo.jpg").write_bytes(source.read(names[5]))
        with zipfile.ZipFile(tmp_path / "dump.zip", "w") as dump:
            for name in names:
                dump.writestr(name, source.read(name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_of_the_page_and_of_the_docstrings_run(folder: Path) -> None:
    done = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert done.attempted > 15
    assert done.failed == 0
    from fauxface import api

    assert doctest.testmod(api).failed == doctest.testmod(fauxface).failed == 0


def test_the_page_names_all_that_there_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in fauxface.__all__ if name not in text and name != "__version__"] == []
    assert all(getattr(fauxface, name) is not None for name in fauxface.__all__)
    assert set(fauxface.__all__) <= set(dir(fauxface))
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        _ = fauxface.predict


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys, fauxface, json; print(json.dumps(sorted(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert HEAVY.isdisjoint(json.loads(said))


def test_it_answers_as_the_command_does_for_files_and_for_pixels(folder: Path) -> None:
    said = subprocess.run(
        [str(Path(sys.executable).parent / "fauxface"), "predict", "--json", "photo.jpg"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    [expected] = json.loads(said.stdout)["faces"]
    read = cv2.imread("photo.jpg")
    assert read is not None
    pixels = read[..., ::-1]
    model = fauxface.load_model()
    of_file, of_pixels = model.predict([folder / "photo.jpg", np.ascontiguousarray(pixels)])
    assert of_file.faces[0].p_fake == pytest.approx(expected["p_fake"], abs=1e-4)
    assert of_file.faces[0].verdict == expected["verdict"]
    assert of_pixels.faces[0].p_fake == pytest.approx(of_file.faces[0].p_fake, abs=0.05)  # decoded at another scale
    assert model.p_fake([of_file.faces[0].face.rgb])[0] == pytest.approx(of_file.faces[0].p_fake, abs=1e-6)
    for wrong in (pixels.astype(np.float32), pixels[..., 0], pixels[:0]):
        with pytest.raises(fauxface.FauxfaceError, match=r"\(height, width, 3\) of uint8"):
            model.predict(wrong)


def test_scores_are_those_of_the_command_and_a_second_call_reads_them(folder: Path) -> None:
    (folder / "params.yaml").write_text("score: {archives: {dump: {source: dump.zip}}}\n")
    first = fauxface.score("dump.zip", "data/scores")
    parts = {path: path.stat().st_mtime_ns for path in Path("data/scores").rglob("part-*")}
    pd.testing.assert_frame_equal(fauxface.score("dump.zip"), first)
    assert {path: path.stat().st_mtime_ns for path in Path("data/scores").rglob("part-*")} == parts
    pd.testing.assert_frame_equal(fauxface.read_scores(), first)
    said = subprocess.run(
        [str(Path(sys.executable).parent / "fauxface"), "scores", "list", "--json"], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    [listed] = json.loads(said.stdout) if said.stdout.startswith("[") else [json.loads(said.stdout)]
    assert listed["complete"] is True
    assert first["index"].nunique() == 8
    with pytest.raises(fauxface.FauxfaceError, match="nowhere"):
        fauxface.score("nowhere.zip")


def test_modules_of_the_users_own_with_our_names_are_told_and_never_taken_for_ours(folder: Path) -> None:
    """The installed command sees ours; a script beside such modules hears which of them stands in the way."""
    write_hostile(folder)
    command = [str(Path(sys.executable).parent / "fauxface"), "predict", "photo.jpg"]
    assert "1 face" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (folder / "script.py").write_text("import fauxface\nfauxface.load_model()\n")
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: " in done.stderr
    assert "tasks" in done.stderr.splitlines()[-1]
    assert "Call it something else" in done.stderr
