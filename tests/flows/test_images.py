"""`fauxface detect` and `predict` as a user types them: what they print, draw and return, and never import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.scoring.card import Answers
from tests.flows.stand_in import STRICT, THRESHOLD, write_stand_in

PROGRAM = Path(sys.executable).parent / "fauxface"
PHOTO = "2008_002506.jpg"  # three faces
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def folder(real_data: Path, tmp_path: Path) -> Path:
    """A folder with photographs of three and six faces, and files that are none."""
    with tarfile.open(real_data / "scenes" / "group_photos.tar") as tar:
        for name in (PHOTO, "2008_002470.jpg"):
            content = tar.extractfile(name)
            assert content is not None
            (tmp_path / name).write_bytes(content.read())
    (tmp_path / "2008_002470.jpg").rename(tmp_path / "ein Bild mit ä.jpg")
    photo = (tmp_path / PHOTO).read_bytes()
    (tmp_path / "half.jpg").write_bytes(photo[: len(photo) // 2])
    (tmp_path / "notes.jpg").write_text("no picture")
    Image.new("RGB", (90, 60), "grey").save(tmp_path / "plain.png")
    (tmp_path / "folder").mkdir()
    return tmp_path


def fauxface(folder: Path, *words: str) -> Done:
    return subprocess.run([str(PROGRAM), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def entries(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def pixels(path: Path) -> NDArray[np.uint8]:
    read = cv2.imread(str(path))
    assert read is not None
    return np.asarray(read, np.uint8)


def test_every_image_has_its_entry_and_every_bad_one_its_reason(folder: Path) -> None:
    names = [PHOTO, "half.jpg", "ein Bild mit ä.jpg", "notes.jpg", "plain.png", "folder", "gone.jpg"]
    done = fauxface(folder, "detect", "--json", *names)
    assert done.returncode == 1
    found = entries(done)
    assert [entry["image"] for entry in found] == names
    statuses = ["ok", "truncated", "ok", "not_an_image", "no_face", "not_a_file", "unreadable"]
    assert [entry["status"] for entry in found] == statuses
    assert [len(entry["faces"]) for entry in found] == [3, 0, 6, 0, 0, 0, 0]
    assert [bool(entry["error"]) for entry in found] == [status not in {"ok", "no_face"} for status in statuses]
    assert len(done.stderr.splitlines()) == 4
    assert "fauxface: gone.jpg: unreadable (No such file or directory)" in done.stderr
    assert "`fauxface score` takes folders" in done.stderr
    face = found[0]["faces"][0]
    assert len(face["landmarks"]) == 10
    assert 0 < face["quality"] < 1
    assert face["rotation"] == 0


def test_an_answer_in_words_and_no_face_is_no_failure(folder: Path) -> None:
    done = fauxface(folder, "detect", PHOTO, "plain.png")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{PHOTO}: 3 faces in 500 x 375 pixels"
    assert all("confidence" in line and "quality" in line for line in lines[1:4])
    assert lines[4] == "plain.png: no face in 90 x 60 pixels"


def test_the_drawing_is_upright_and_shows_boxes_where_the_faces_are(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # held sideways
    Image.open(folder / PHOTO).transpose(Image.Transpose.ROTATE_90).save(folder / "phone.jpg", quality=95, exif=exif)
    done = fauxface(folder, "detect", "phone.jpg", "--draw", "drawn.png", "--json")
    assert done.returncode == 0
    drawn, plain = pixels(folder / "drawn.png"), pixels(folder / PHOTO)
    assert drawn.shape == plain.shape == (375, 500, 3)
    changed = np.abs(drawn.astype(int) - plain).max(axis=2) > 60
    for face in entries(done)[0]["faces"]:
        x, y, height = (round(face[f"box_{name}"]) for name in ("x", "y", "height"))
        assert changed[y + 5 : y + height, x - 1 : x + 2].any(axis=1).mean() > 0.9, "the left side of the box"
        left, top = np.array(face["landmarks"]).reshape(5, 2).round().astype(int).T
        assert changed[top, left].mean() >= 0.8


def test_drawings_of_several_images_go_into_a_folder(folder: Path) -> None:
    done = fauxface(folder, "detect", PHOTO, "half.jpg", "ein Bild mit ä.jpg", "--draw", "drawn")
    assert done.returncode == 1
    assert sorted(path.name for path in (folder / "drawn").iterdir()) == [
        "001-2008_002506.jpg",
        "003-ein Bild mit ä.jpg",
    ]
    assert "drawn: drawn/001-2008_002506.jpg" in done.stdout


def test_drawings_of_images_with_long_names_have_names_that_fit(folder: Path) -> None:
    long = [f"{'顔' * 83}{end}.jpg" for end in "ab"]  # 254 bytes
    for name in long:
        (folder / PHOTO).rename(folder / name)
        (folder / PHOTO).write_bytes((folder / name).read_bytes())
    done = fauxface(folder, "detect", *long, PHOTO, "--draw", "drawn", "--json")
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (folder / "drawn").iterdir())
    assert names == [f"001-{'顔' * 66}.jpg", f"002-{'顔' * 66}.jpg", f"003-{Path(PHOTO).stem}.jpg"]
    one = fauxface(folder, "detect", PHOTO, "--draw", f"{'d' * 251}.png")
    assert one.returncode == 0, one.stderr
    assert (folder / f"{'d' * 251}.png").is_file()


def test_settings_of_another_project_are_no_hindrance(folder: Path) -> None:
    (folder / "params.yaml").write_text("prepare: {split: 0.2}\ncrop: {min_face: 0.6}\n")
    assert len(entries(fauxface(folder, "detect", "--json", PHOTO))[0]["faces"]) < 3
    (folder / "params.yaml").write_text("prepare: {split: 0.2}\ncrop: {left: 3}\nscore: {metric: auc}\n")
    done = fauxface(folder, "detect", "--json", PHOTO)
    assert (done.returncode, len(entries(done)[0]["faces"])) == (0, 3)
    assert done.stderr.startswith("fauxface: params.yaml: its section `crop` is none of fauxface's (left: ")
    assert len(done.stderr.splitlines()) == 1
    write_stand_in(folder / "data" / "model")
    predicted = fauxface(folder, "predict", "--json", PHOTO)
    assert (predicted.returncode, len(entries(predicted)[0]["faces"])) == (0, 3)


def test_the_largest_picture_is_a_matter_of_the_run_and_not_of_the_model(folder: Path) -> None:
    write_stand_in(folder / "data" / "model")
    (folder / "params.yaml").write_text("crop: {max_pixels: 1000}\n")
    for command in ("detect", "predict"):
        done = fauxface(folder, command, "--json", PHOTO)
        assert entries(done)[0]["status"] == "too_large", command
    card = json.loads((folder / "data/model/card.json").read_text())
    assert card["crop"]["max_pixels"] == 100_000_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["score", PHOTO], f"is a picture, no dump: `fauxface predict {PHOTO}`"),
        (["score", "gone.zip", "plain.png"], "plain.png is a picture, no dump"),
        (["detect"], "Missing argument"),
        (["detect", "--draw", "one.jpg", PHOTO, "plain.png"], "name a folder instead"),
        (["detect", "--draw", PHOTO, PHOTO], "would take an image's place"),
        (["detect", "--draw", "out.gif", PHOTO], "neither a folder nor a name that ends in .jpg"),
        (["detect", "--min-face", "0", PHOTO], "--min-face"),
        (["detect", "--drow", "x.jpg", PHOTO], "--drow"),
        (["predict"], "Missing argument"),
        (["inspect"], "No such command"),
    ],
)
def test_bad_usage_is_said_in_one_line(folder: Path, words: list[str], said: str) -> None:
    before = (folder / PHOTO).read_bytes()
    done = fauxface(folder, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (folder / PHOTO).read_bytes() == before
    assert not (folder / "one.jpg").exists()


def test_work_that_fails_is_said_without_a_traceback(folder: Path) -> None:
    for words, said in {
        ("predict", "--model", "nowhere", PHOTO): "holds no model",
        ("detect", PHOTO, "--draw", "notes.jpg/a.jpg"): "cannot be written",
        ("pipeline",): "dvc.yaml: is missing",
    }.items():
        done = fauxface(folder, *words)
        assert done.returncode == 1
        assert said in done.stderr
        assert len(done.stderr.splitlines()) <= 2


def test_settings_of_the_folder_and_the_smallest_face_are_minded(folder: Path) -> None:
    assert len(entries(fauxface(folder, "detect", "--json", "--min-face", "0.6", PHOTO))[0]["faces"]) < 3
    (folder / "params.yaml").write_text("datasets: {a: {source: a.zip}}\ncrop: {min_face: 0.6}\n")
    assert len(entries(fauxface(folder, "detect", "--json", PHOTO))[0]["faces"]) < 3
    assert len(entries(fauxface(folder, "detect", "--json", "--min-face", "20", PHOTO))[0]["faces"]) == 3
    (folder / "params.yaml").write_text("datasets: {a: {source: a.zip}}\ncrop: {min_fase: 0.3}\n")
    done = fauxface(folder, "detect", PHOTO)
    assert done.returncode == 1
    assert "Did you mean 'min_face'?" in done.stderr


def test_predict_says_of_each_face_what_the_model_thinks(folder: Path) -> None:
    name = write_stand_in(folder / "data" / "model", middle=70).model_id
    done = fauxface(folder, "predict", "--json", PHOTO, "plain.png", "half.jpg", "ein Bild mit ä.jpg")
    assert done.returncode == 1
    found = entries(done)
    assert [len(entry["faces"]) for entry in found] == [3, 0, 0, 6]
    assert all((entry["model_id"], entry["threshold"]) == (name, THRESHOLD) for entry in found)
    faces = [face for entry in found for face in entry["faces"]]
    assert all(face["is_fake"] == (face["p_fake"] >= THRESHOLD) for face in faces)
    assert {face["is_fake"] for face in faces} == {True, False}
    brightness = [pixels(folder / PHOTO)[box].mean() for box in map(_inside, found[0]["faces"])]
    assert np.argsort(brightness).tolist() == np.argsort([face["p_fake"] for face in found[0]["faces"]]).tolist()
    words = fauxface(folder, "predict", "--model", "data/model", PHOTO)
    assert words.returncode == 0
    assert f"model {name}: fake from p_fake 0.500 up" in words.stdout
    assert sum("p_fake 0." in line for line in words.stdout.splitlines()) >= 3


def test_predict_decides_by_the_threshold_that_the_settings_name(folder: Path) -> None:
    write_stand_in(folder / "data" / "model", middle=70)
    (folder / "params.yaml").write_text("datasets: {a: {source: a.zip}}\nscore: {threshold: false_alarm}\n")
    found = entries(fauxface(folder, "predict", "--json", PHOTO, "ein Bild mit ä.jpg"))
    assert {entry["threshold"] for entry in found} == {STRICT}
    faces = [face for entry in found for face in entry["faces"]]
    assert all(face["is_fake"] == (face["p_fake"] >= STRICT) for face in faces)
    assert any(THRESHOLD <= face["p_fake"] < STRICT for face in faces)
    assert "fake from p_fake 0.900 up" in fauxface(folder, "predict", PHOTO).stdout


def _inside(face: dict[str, Any]) -> tuple[slice, slice]:
    """Return the crop's square, cut at the borders."""
    middle = face["box_x"] + face["box_width"] / 2, face["box_y"] + face["box_height"] / 2
    half = face["face_size"] * 0.8
    x, y = ((max(0, round(at - half)), round(at + half)) for at in middle)
    return slice(*y), slice(*x)


def test_output_may_be_cut_off(folder: Path) -> None:
    """`fauxface detect ... | head -1` ends quietly."""
    words = [str(PROGRAM), "detect", "--json", *[PHOTO] * 200]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(timeout=60) == 1


def test_looking_at_images_imports_neither_prefect_nor_a_training_library(folder: Path) -> None:
    write_stand_in(folder / "data" / "model")
    code = (
        "import sys; from flows.cli import app\n"
        f"app({['detect', PHOTO, '--draw', 'o.jpg']!r}, standalone_mode=False)\n"
        f"app({['predict', PHOTO]!r}, standalone_mode=False)\n"
        "heavy = {'prefect', 'pandas', 'keras', 'tensorflow', 'torch', 'sklearn', 'scipy', 'matplotlib', 'dvc'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_imports_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys; from flows.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'prefect', 'numpy', 'cv2', 'openvino', 'pyarrow', 'pandas', 'keras', 'dvc'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("detect", "predict", "pipeline", "score", "crop"))


def test_predict_gives_three_answers_and_says_why(folder: Path) -> None:
    answers = Answers(real_below=0.4, fake_from=0.7, rate=0.05, low_quality_below=0.05)
    write_stand_in(folder / "data" / "model", middle=70, answers=answers)
    found = entries(fauxface(folder, "predict", "--json", PHOTO, "ein Bild mit ä.jpg"))
    faces = [face for entry in found for face in entry["faces"]]
    for face in faces:
        expected = "fake" if face["p_fake"] >= 0.7 else "real" if face["p_fake"] < 0.4 else "unsure"
        assert (face["verdict"], face["verdict_reason"]) == (expected, "borderline" if expected == "unsure" else None)
    assert {face["verdict"] for face in faces} == {"real", "fake", "unsure"}
    assert found[0]["image_verdict"] == ("fake" if any(f["verdict"] == "fake" for f in found[0]["faces"]) else "unsure")
    words = fauxface(folder, "predict", PHOTO, "ein Bild mit ä.jpg").stdout
    assert "unsure (borderline)  p_fake 0." in words
    assert "fake from p_fake 0.700 up, real below 0.400, unsure between" in words


def test_a_model_of_the_drawn_sample_says_so_and_json_stays_json(folder: Path) -> None:
    write_stand_in(folder / "data" / "model", drawn_sample=True)
    words = fauxface(folder, "predict", PHOTO)
    assert "trained on the drawn sample alone" in words.stdout.splitlines()[-1]
    done = fauxface(folder, "predict", "--json", PHOTO)
    assert len(entries(done)) == 1
    assert "trained on the drawn sample alone" in done.stderr


def test_what_a_file_says_of_its_making_stands_beside_the_answer(folder: Path) -> None:
    write_stand_in(folder / "data" / "model")
    exif = Image.Exif()
    exif[0x0131] = "Midjourney"
    Image.open(folder / PHOTO).save(folder / "made.jpg", exif=exif, quality=95)
    assert "  provenance: generator:midjourney" in fauxface(folder, "predict", "made.jpg").stdout.splitlines()
    for command in ("detect", "predict"):
        made, plain = entries(fauxface(folder, command, "--json", "made.jpg", PHOTO))
        assert (made["provenance"], plain["provenance"]) == ("generator:midjourney", None)


def test_the_card_of_a_model_is_printed(folder: Path) -> None:
    card = write_stand_in(folder / "data" / "model", drawn_sample=True)
    done = fauxface(folder, "model", "card")
    assert done.returncode == 0, done.stderr
    assert card.model_id in done.stdout.splitlines()[0]
    assert json.loads(fauxface(folder, "model", "card", "data/model", "--json").stdout) == card.model_dump(mode="json")
    assert "holds no model" in fauxface(folder, "model", "card", "elsewhere").stderr
