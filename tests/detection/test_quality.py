"""The quality of a face: poses from landmarks, and a number that falls with every fault."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.detection.detector import FaceDetector
from tasks.detection.onepass import Face, faces_of
from tasks.detection.quality import _HEAD, Pose, poses, quality
from tasks.imaging.decode import decode
from tasks.params import CropParams
from tasks.sources import Member

Pixels = NDArray[np.uint8]
PARAMS = CropParams()
angle = st.floats(-80, 80)

# Looked at by eye: where the heads in these photographs of ffhq_stylegan.zip point.
POINTING = {
    ("yaw", -1): ["00407", "00763", "00339", "00338"],
    ("yaw", +1): ["00788", "01076", "00762", "00847"],
    ("pitch", -1): ["00510", "00952", "01030", "00772"],
    ("pitch", +1): ["01093", "00520", "00894", "00389"],
}


@pytest.fixture(scope="module")
def photos(real_data: Path) -> dict[str, bytes]:
    """Photographs of ffhq_stylegan.zip: those of POINTING and the first forty."""
    with zipfile.ZipFile(real_data / "faces" / "ffhq_stylegan.zip") as archive:
        pointing = {f"real/{name}.jpg" for names in POINTING.values() for name in names}
        names = sorted(name for name in archive.namelist() if name.startswith("real/") and name.endswith(".jpg"))
        return {name[5:-4]: archive.read(name) for name in sorted({*names[:40], *pointing})}


@pytest.fixture(scope="module")
def usual() -> FaceDetector:
    return FaceDetector(PARAMS.min_face, PARAMS.thresholds)


def largest(files: dict[str, bytes], detector: FaceDetector) -> dict[str, Face]:
    members = [Member(name, data) for name, data in files.items()]
    results = faces_of(members, PARAMS, "largest", detector, 1)
    return {result.member: result.faces[0] for result in results if result.faces}


def degraded(data: bytes, how: Callable[[Pixels], Any]) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(how(decode(data, max_pixels=10**8).pixels), cv2.COLOR_RGB2BGR))[
        1
    ].tobytes()


def head(yaw: float, pitch: float, roll: float, scale: float = 40.0) -> NDArray[np.float32]:
    """Return the landmarks of a head that points this way, far from the camera: turned, looking up, then tilted."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    points: NDArray[np.float64] = (tilt @ (nod @ turn @ _HEAD.T)[:2]).T * scale + [300, 200]
    return points.astype(np.float32)


@given(yaw=angle, roll=st.floats(-179, 179), scale=st.floats(5, 500))
def test_a_turned_head_has_its_yaw_and_roll(yaw: float, roll: float, scale: float) -> None:
    (pose,) = poses(head(yaw, 0, roll, scale)[None])
    assert pose == pytest.approx((yaw, 0, roll), abs=0.1)


@given(pitch=angle, roll=st.floats(-179, 179))
def test_a_nodding_head_has_its_pitch(pitch: float, roll: float) -> None:
    (pose,) = poses(head(0, pitch, roll)[None])
    assert pose == pytest.approx((0, pitch, roll), abs=0.1)


@given(yaw=st.floats(-50, 50), pitch=st.floats(-30, 30))
def test_turned_and_nodding_at_once_is_told_roughly(yaw: float, pitch: float) -> None:
    """The line through the eyes then slopes, and that slope is taken for roll."""
    (pose,) = poses(head(yaw, pitch, 0)[None])
    assert pose.yaw == pytest.approx(yaw, abs=10)
    assert pose.pitch == pytest.approx(pitch, abs=14)


def test_many_heads_are_what_single_heads_are() -> None:
    heads = np.stack([head(yaw, 10, yaw / 3) for yaw in range(-60, 61, 20)])
    for together, landmarks in zip(poses(heads), heads, strict=True):
        assert together == pytest.approx(poses(landmarks[None])[0], abs=1e-3)
    assert poses(np.empty((0, 5, 2), np.float32)) == []
    assert poses(np.full((1, 5, 2), 7, np.float32)) == [pytest.approx((0, 0, 0))]


def test_a_mirrored_photograph_has_the_mirrored_pose(photos: dict[str, bytes], usual: FaceDetector) -> None:
    mirrored = {name: degraded(data, lambda pixels: pixels[:, ::-1].copy()) for name, data in photos.items()}
    ours, theirs = largest(photos, usual), largest(mirrored, usual)
    both = [(ours[name].pose, theirs[name].pose) for name in ours.keys() & theirs.keys()]
    assert len(both) > 45
    assert np.median([abs(one.yaw + other.yaw) for one, other in both]) < 6
    assert np.median([abs(one.pitch - other.pitch) for one, other in both]) < 6
    assert np.median([abs(one.roll + other.roll) for one, other in both]) < 3


@pytest.mark.parametrize(("axis", "sign"), POINTING)
def test_real_heads_point_where_one_sees_them_point(
    axis: str, sign: int, photos: dict[str, bytes], usual: FaceDetector
) -> None:
    names = POINTING[axis, sign]
    faces = largest({name: photos[name] for name in names}, usual)
    assert all(sign * getattr(faces[name].pose, axis) > 25 for name in names)


@pytest.mark.parametrize(
    "fault",
    [
        lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 2),
        lambda pixels: cv2.resize(pixels, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA),
        lambda pixels: cv2.resize(cv2.resize(pixels, (48, 48), interpolation=cv2.INTER_AREA), (256, 256)),
    ],
    ids=["blurred", "small", "enlarged"],
)
def test_faults_lower_the_quality_of_real_faces(
    fault: Callable[[Pixels], Any], photos: dict[str, bytes], usual: FaceDetector
) -> None:
    good, bad = largest(photos, usual), largest({name: degraded(data, fault) for name, data in photos.items()}, usual)
    both = good.keys() & bad.keys()
    assert len(both) > 45
    lost = [good[name].quality - bad[name].quality for name in both]
    assert np.mean(np.array(lost) > 0) > 0.95
    assert np.median(lost) > 0.08


def test_a_good_portrait_has_a_high_quality(photos: dict[str, bytes], usual: FaceDetector) -> None:
    qualities = [face.quality for face in largest(photos, usual).values()]
    assert 0 < min(qualities) < max(qualities) < 1
    assert np.median(qualities) > 0.8


@given(
    sharpness=st.floats(0, 5000),
    size=st.floats(1, 4000),
    yaw=st.floats(-180, 180),
    pitch=angle,
    padding=st.floats(0, 1),
)
def test_quality_lies_between_0_and_1_and_each_fault_lowers_it(
    sharpness: float, size: float, yaw: float, pitch: float, padding: float
) -> None:
    pose = Pose(yaw, pitch, 0)
    value = quality(sharpness, size, pose, padding)
    assert 0 <= value <= 1
    worse = [
        quality(sharpness / 2, size, pose, padding),
        quality(sharpness, size / 2, pose, padding),
        quality(sharpness, size, pose, (1 + padding) / 2),
        quality(sharpness, size, Pose(max(abs(yaw), 60), pitch, 0), padding),
    ]
    assert all(other <= value + 1e-12 for other in worse)
    assert quality(sharpness, size, Pose(yaw, pitch, 90), padding) == value


def test_an_ideal_face_has_quality_1() -> None:
    assert quality(1e9, 500, Pose(0, 0, 0), 0) == pytest.approx(1)
    assert quality(100, 500, Pose(0, 0, 0), 0) == pytest.approx(0.5**0.25)
    assert quality(0, 500, Pose(0, 0, 0), 0) == 0


def test_quality_by_hand() -> None:
    """Each part alone, and all at once: the fourth root of their product."""
    front = Pose(0, 0, 0)
    assert quality(1e12, 56, front, 0) == pytest.approx(0.5**0.25)
    assert quality(1e12, 112, Pose(60, 0, 0), 0) == pytest.approx(0.5**0.25)
    assert quality(1e12, 112, Pose(0, -60, 0), 0) == pytest.approx(0.5**0.25)
    assert quality(1e12, 112, front, 0.5) == pytest.approx(0.5**0.25)
    assert quality(300, 28, Pose(60, 60, 0), 0.25) == pytest.approx((0.75 * 0.25 * 0.25 * 0.75) ** 0.25)
    assert quality(1e12, 500, Pose(100, 0, 0), 0) == quality(1e12, 500, Pose(0, 100, 0), 0) == 0
    assert quality(1e12, 500, Pose(100, 100, 0), 0) == 0, "a head seen from behind is not looked at from the front"
