"""A second look at turned images: found where they are, upright in the crop, and no new faces where there are none."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.detection.boxes import iou
from tasks.detection.detector import Detections, FaceDetector
from tasks.detection.onepass import ImageResult, faces_of
from tasks.detection.second_look import Look, turned, turned_back
from tasks.imaging.decode import decode
from tasks.params import CropParams
from tasks.sources import Member
from tasks.sources.status import Status
from tests.detection.conftest import corners

Pixels = NDArray[np.uint8]
OFF, ON = CropParams(), CropParams(second_look=True)


@pytest.fixture(scope="module")
def usual() -> FaceDetector:
    return FaceDetector(OFF.min_face, OFF.thresholds)


@pytest.fixture(scope="module")
def portraits(real_data: Path) -> list[Pixels]:
    """The first 30 photographs of LFW."""
    with zipfile.ZipFile(real_data / "faces" / "lfw.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))[:30]
        return [decode(archive.read(name), max_pixels=10**8).pixels for name in names]


def png(picture: Pixels) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def run(pictures: Sequence[Pixels], params: CropParams, detector: FaceDetector, keep: str = "all") -> list[ImageResult]:
    members = [Member(str(place), png(picture)) for place, picture in enumerate(pictures)]
    return list(faces_of(members, params, keep, detector, 1))


@given(
    width=st.integers(20, 300),
    height=st.integers(20, 300),
    turns=st.sampled_from([0, 1, 2, 3]),
    place=st.tuples(st.floats(0, 0.6), st.floats(0, 0.6), st.floats(0.1, 0.4), st.floats(0.1, 0.4)),
)
def test_a_box_found_in_a_turned_picture_is_told_in_the_picture(
    width: int, height: int, turns: int, place: tuple[float, float, float, float]
) -> None:
    """The pixels in the box, turned, are the pixels in the box of the turned picture."""
    picture = np.arange(width * height, dtype=np.int32).reshape(height, width, 1)
    wide, high = Look(turns=turns).size(width, height)
    after = np.rot90(picture, turns)
    assert after.shape[:2] == (high, wide)
    x, y, w, h = (round(share * side) for share, side in zip(place, (wide, high, wide, high), strict=True))
    points = np.array([[[x, y], [x + w, y], [x, y + h], [x + w, y + h], [x, y]]], np.float32)
    found = Detections(np.array([[x, y, w, h]], np.float32), np.ones(1, np.float32), points, Status.OK)
    back = turned_back(found, turns, width, height)
    bx, by, bw, bh = back.boxes[0].astype(int)
    inside = np.rot90(picture[by : by + bh, bx : bx + bw], turns)
    np.testing.assert_array_equal(inside, after[y : y + h, x : x + w])
    low, high_ = back.landmarks[0].min(axis=0), back.landmarks[0].max(axis=0)
    np.testing.assert_allclose([*low, *high_], [bx, by, bx + bw, by + bh])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_portraits_are_found_where_they_are_and_cropped_upright(
    turns: int, portraits: list[Pixels], usual: FaceDetector
) -> None:
    upright = run(portraits, ON, usual, "largest")
    assert all(result.faces[0].rotation == 0 for result in upright)
    sideways = [turned(picture, turns) for picture in portraits]
    without, results = (run(sideways, params, usual, "largest") for params in (OFF, ON))
    rotation = 90 * turns % 360
    right = [place for place, result in enumerate(results) if result.faces and result.faces[0].rotation == rotation]
    found_before = sum(bool(result.faces) for result in without)
    assert len(right) >= {1: 27, 2: 23, 3: 27}[turns], "upside down is the hardest"
    assert found_before < 20
    for place in right:
        (ours,), (theirs,) = results[place].faces, upright[place].faces
        assert (results[place].width, results[place].height) == sideways[place].shape[1::-1]
        same = np.abs(ours.rgb.astype(int) - theirs.rgb).mean()
        assert same < 12, "the crop is the upright one"
        expected = turned_back_by_hand(theirs.box, turns, portraits[place])
        assert iou(corners(ours.box[None]), corners(expected[None])).item() > 0.7
        difference = (ours.pose.roll - theirs.pose.roll + rotation + 180) % 360 - 180
        assert abs(difference) < 15


def turned_back_by_hand(box: NDArray[np.float32], turns: int, picture: Pixels) -> NDArray[np.float32]:
    """Turn a box counterclockwise by painting it."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    x, y, width, height = box.round().astype(int)
    mask[max(y, 0) : y + height, max(x, 0) : x + width] = 1
    return np.array(cv2.boundingRect(np.ascontiguousarray(np.rot90(mask, turns))), np.float32)


def test_a_group_held_sideways_is_found_in_large_photographs_too(groups: Any, usual: FaceDetector) -> None:
    """Reduced decoding and full-pixel crops of small faces go through the same turn."""
    name = "2008_002506.jpg"
    large = cv2.resize(groups.pixels(name), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    detector = FaceDetector(160, OFF.thresholds)
    sideways = cv2.imencode(".jpg", cv2.cvtColor(turned(large, 1), cv2.COLOR_RGB2BGR))[1].tobytes()
    (result,) = faces_of([Member("a.jpg", sideways)], ON, "all", detector, 1)
    (upright,) = faces_of([Member("b.png", png(large))], ON, "all", detector, 1)
    assert [face.rotation for face in result.faces] == [90, 90, 90]
    for face in result.faces:
        apart = [np.abs(face.rgb.astype(int) - other.rgb).mean() for other in upright.faces]
        assert min(apart) < 12


def test_off_by_default_and_nothing_changes_for_upright_images(groups: Any, usual: FaceDetector) -> None:
    pictures = [groups.pixels(name) for name in groups.files]
    off, on = run(pictures, OFF, usual), run(pictures, ON, usual)
    for ours, theirs in zip(off, on, strict=True):
        assert [face.rgb.tobytes() for face in ours.faces] == [face.rgb.tobytes() for face in theirs.faces]
        assert {face.rotation for face in ours.faces + theirs.faces} == {0}


def test_photographs_without_a_face_stay_without(faceless: Any, usual: FaceDetector) -> None:
    members = [Member(name, data) for name, data in faceless.files.items()]
    assert sum(result.n_faces for result in faces_of(members, ON, "all", usual, 1)) <= 4


def test_a_model_is_bound_to_the_setting() -> None:
    """Training and scoring must look at the same faces."""
    assert OFF.recipe() != ON.recipe()
