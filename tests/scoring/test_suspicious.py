"""The most suspicious faces: the right ones, their pixels from any container, and the contact sheet."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tasks.params import FauxfaceError
from tasks.scoring.sheet import GAP, SIDE, TEXT, contact_sheet, write_sheet
from tasks.scoring.store import ScoreStore
from tasks.scoring.suspicious import read_faces, suspicious_faces
from tasks.sources import open_source
from tests.scoring.made import empty_row, face_row, make_scoring


def test_the_highest_scores_of_all_parts_come_first(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = [face_row(index, float(value)) for index, value in enumerate(random.random(40))]
    folder = make_scoring(ScoreStore(str(tmp_path)), "dump", [*rows, empty_row(40, "no_face")]).folder
    best = sorted((row["p_fake"] for row in rows), reverse=True)
    assert [face["p_fake"] for face in suspicious_faces(folder, 7)] == best[:7]
    assert [face["p_fake"] for face in suspicious_faces(folder, 100)] == best
    assert suspicious_faces(ScoreStore(str(tmp_path)).folder("0" * 12, "nothing-0"), 5) == []


@pytest.fixture
def groups(tmp_path: Path, real_data: Path) -> Path:
    """Group photographs as a compressed tar: a stream."""
    path = tmp_path / "groups.tar.gz"
    with tarfile.open(real_data / "scenes" / "group_photos.tar") as source, tarfile.open(path, "w:gz") as out:
        for member in [each for each in source.getmembers() if each.name.endswith(".jpg")][:3]:
            stream = source.extractfile(member)
            assert stream is not None
            out.addfile(member, stream)
    return path


def test_pixels_are_read_again_by_their_box(groups: Path, tmp_path: Path, scored: Any) -> None:
    source = open_source(str(groups))
    folder = scored(source)
    faces = suspicious_faces(folder, 8)
    crops = read_faces(source, faces, SIDE)
    pixels = [crop for crop in crops if not isinstance(crop, str)]
    assert [crop.shape for crop in pixels] == [(SIDE, SIDE, 3)] * len(faces)
    # The stand-in calls bright faces fake: what is shown is as bright as what was scored.
    brightness = [np.mean(crop) / 255 for crop in pixels]
    assert np.corrcoef(brightness, [face["p_fake"] for face in faces])[0, 1] > 0.8
    unpacked = tmp_path / "unpacked"
    for member in open_source(str(groups)).members():
        (unpacked / member.path).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / member.path).write_bytes(member.data or b"")
    order = sorted(path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*.jpg"))
    moved = [{**face, "index": order.index(face["member"])} for face in faces]
    for crop, again in zip(pixels, read_faces(open_source(str(unpacked)), moved, SIDE), strict=True):
        np.testing.assert_array_equal(again, crop)


def test_a_face_that_is_no_more_says_why(groups: Path, scored: Any, tmp_path: Path) -> None:
    source = open_source(str(groups))
    face = suspicious_faces(scored(source), 1)[0]
    gone, other = {**face, "index": 99}, {**face, "image_id": "0" * 64}
    crops = read_faces(source, [gone, other, face], SIDE)
    assert crops[:2] == ["not in the source any more", "changed since it was scored"]
    assert not isinstance(crops[2], str)


def test_the_sheet_has_a_tile_for_every_face(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    faces = [face_row(index, 0.9 - index / 20, member=f"{'ä' * index}/{index}.jpg") for index in range(11)]
    crops: list[Any] = [random.integers(0, 255, (SIDE, SIDE, 3), np.uint8) for _ in faces]
    crops[4] = "changed since it was scored"
    sheet = contact_sheet(faces, crops)
    assert sheet.shape == (GAP + 2 * (SIDE + TEXT + GAP), GAP + 8 * (SIDE + GAP), 3)
    np.testing.assert_array_equal(sheet[GAP : GAP + SIDE, GAP : GAP + SIDE, ::-1], crops[0])
    second_row = GAP + SIDE + TEXT + GAP
    np.testing.assert_array_equal(sheet[second_row : second_row + SIDE, GAP : GAP + SIDE, ::-1], crops[8])
    assert (sheet[GAP + SIDE : second_row - GAP, GAP : GAP + SIDE] < 200).any(), "there is text below"
    write_sheet(tmp_path / "sheet.png", faces, crops)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "sheet.png")), sheet)
    write_sheet(tmp_path / "sheet.JPG", faces, crops)
    assert (tmp_path / "sheet.JPG").read_bytes()[:2] == b"\xff\xd8"


def test_a_sheet_needs_a_name_of_a_picture(tmp_path: Path) -> None:
    with pytest.raises(FauxfaceError, match=r"let it end in \.jpg or \.png"):
        write_sheet(tmp_path / "sheet.txt", [], [])
    assert list(tmp_path.iterdir()) == []
