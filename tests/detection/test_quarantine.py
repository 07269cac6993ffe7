"""A picture that ends the process is found when the work is begun again, and costs its own row only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.pictures import ABORT, CRASH, HANG, broken_decoder, marked, picture

# Goes through the pass with pictures of a folder, once; the caller begins again, as a supervisor does.
_PASS = """
import json, sys
from pathlib import Path
from tasks.detection.onepass import faces_of, shared_detector
from tasks.params import CropParams
from tasks.sources import Member
crop = CropParams()
members = [Member(path.name, path.read_bytes()) for path in sorted(Path(sys.argv[1]).iterdir())]
results = faces_of(members, crop, "all", shared_detector(crop), 2)
print(json.dumps([[result.member, str(result.status), result.error] for result in results]))
"""


def go_through(pictures: Path, environment: dict[str, str]) -> tuple[int, dict[str, tuple[str, str]]]:
    done = subprocess.run(
        [sys.executable, "-c", _PASS, str(pictures)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode != 1 or "Traceback" not in done.stderr, done.stderr
    return done.returncode, {name: (status, error) for name, status, error in json.loads(done.stdout or "[]")}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(picture(number))
    return folder


def test_pictures_that_crash_are_found_and_remembered(pictures: Path, tmp_path: Path) -> None:
    environment = broken_decoder(tmp_path / "notes")
    (pictures / "1.jpg").write_bytes(marked(1, CRASH))
    (pictures / "4.jpg").write_bytes(marked(4, ABORT))
    assert go_through(pictures, environment)[0] < 0
    status, rows = go_through(pictures, environment)
    if status:  # the other one was not yet in hand when the first was the end of its process
        status, rows = go_through(pictures, environment)
    assert status == 0
    assert {name: row[0] for name, row in rows.items()} == {
        "0.jpg": "no_face", "1.jpg": "crashed", "2.jpg": "no_face",
        "3.jpg": "no_face", "4.jpg": "crashed", "5.jpg": "no_face",
    }  # fmt: skip
    assert "SIGSEGV" in rows["1.jpg"][1]
    assert "SIGABRT" in rows["4.jpg"][1]
    notes = tmp_path / "notes" / f"fauxface-{os.getuid()}" / "quarantine"
    assert len(list((notes / "crashed").iterdir())) == 2
    assert sorted(path.name for path in notes.iterdir()) == ["crashed", "suspects"]
    assert list((notes / "suspects").iterdir()) == []
    (notes / "suspects").chmod(0o700)
    assert go_through(pictures, environment) == (0, rows)


def test_other_releases_of_the_decoders_try_a_culprit_again(pictures: Path, tmp_path: Path) -> None:
    environment = broken_decoder(tmp_path / "notes")
    (pictures / "2.jpg").write_bytes(marked(2, CRASH))
    assert go_through(pictures, environment)[0] < 0
    assert go_through(pictures, environment)[1]["2.jpg"][0] == "crashed"
    note = next((tmp_path / "notes").rglob("crashed/*"))
    note.write_text(json.dumps({**json.loads(note.read_text()), "decoders": {"pillow": "1"}}))
    (tmp_path / "notes" / "sitecustomize.py").unlink()  # the release that reads it
    assert go_through(pictures, environment)[1]["2.jpg"] == ("no_face", "")
    assert not note.exists()


def test_a_process_that_was_only_killed_leaves_no_suspects(pictures: Path, tmp_path: Path) -> None:
    environment = broken_decoder(tmp_path / "notes")
    (pictures / "2.jpg").write_bytes(marked(2, CRASH))
    assert go_through(pictures, environment)[0] < 0
    trace = next((tmp_path / "notes").rglob("*.trace"))
    assert "Segmentation fault" in trace.read_text()
    trace.write_bytes(b"")  # as SIGKILL leaves it
    (pictures / "2.jpg").unlink()
    assert {row[0] for row in go_through(pictures, environment)[1].values()} == {"no_face"}
    assert list((tmp_path / "notes").rglob("suspects/*")) == []


@pytest.mark.slow  # waits for the watchdog, and for the alarm of the child that tries the picture
def test_a_picture_that_hangs_and_holds_pythons_lock_is_found_too(pictures: Path, tmp_path: Path) -> None:
    environment = broken_decoder(tmp_path / "notes", hang_seconds=20)
    (pictures / "3.jpg").write_bytes(marked(3, HANG))
    assert go_through(pictures, environment)[0] == 1
    status, rows = go_through(pictures, environment)
    assert status == 0
    assert rows["3.jpg"] == ("crashed", "the decoder hung for 20 s on this file, so it was left out")
    assert sum(row[0] == "no_face" for row in rows.values()) == 5
