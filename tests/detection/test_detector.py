"""The detector on real scenes: what it finds, whatever company an image is in and however it is stored."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.detection import cascade
from tasks.detection import detector as module
from tasks.detection.boxes import iou
from tasks.detection.cascade import Found, find
from tasks.detection.detector import Detections, FaceDetector
from tasks.detection.networks import Networks
from tasks.params import FauxfaceError
from tasks.sources.status import Status
from tests.detection.conftest import corners

Pixels = NDArray[np.uint8]
finish = Networks.finish
DEFAULT = 0.06  # the smallest face of the project's default settings


@pytest.fixture(scope="module")
def usual() -> FaceDetector:
    """The detector at the project's default settings."""
    return FaceDetector(DEFAULT)


def mixed(groups: Any, crowds: Any) -> list[Pixels]:
    """Return 32 images of as many sizes."""
    pictures = [groups.pixels(name) for name in groups.files] + [
        crowds.pixels(name) for name in list(crowds.files)[:23]
    ]
    factors = np.linspace(0.45, 1.3, len(pictures))
    return [
        cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.uint8)
        for picture, factor in zip(pictures, factors, strict=True)
    ]


def assert_same(ours: Detections, theirs: Detections, pixels: float = 1.0, confidence: float = 1e-3) -> None:
    assert len(ours) == len(theirs)
    assert ours.status is theirs.status
    np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=pixels)
    np.testing.assert_allclose(ours.landmarks, theirs.landmarks, atol=pixels)
    np.testing.assert_allclose(ours.confidence, theirs.confidence, atol=confidence)


def test_every_face_of_the_groups_and_nothing_else(groups: Any, detector: FaceDetector, usual: FaceDetector) -> None:
    pictures = [groups.pixels(name) for name in groups.files]
    for one in (detector, usual):
        found = dict(zip(groups.files, (found.boxes for found in one.detect(pictures)), strict=True))
        assert groups.score(found) == (43, 0)


def test_crowds_are_found_at_least_as_well_as_by_the_package(crowds: Any, detector: FaceDetector) -> None:
    found = detector.detect_bytes(list(crowds.files.values()))
    hits, extra = crowds.score({name: one.boxes for name, one in zip(crowds.files, found, strict=True)})
    assert hits >= 145  # the package: 145 of 198
    assert extra <= 9


def test_onet_looks_at_fewer_boxes_and_finds_the_same_faces(crowds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of boxes close together at the surest first, and at the others only where that is no face."""
    pictures = [crowds.pixels(name) for name in crowds.files]
    patches: list[int] = []
    faces: list[list[Detections]] = []
    for close in (cascade.CLOSE, 1.0):
        seen: list[int] = []

        def counting(networks: Networks, given: Pixels, counts: list[int] = seen) -> NDArray[np.float32]:
            counts.append(len(given))
            return finish(networks, given)

        monkeypatch.setattr(cascade, "CLOSE", close)
        monkeypatch.setattr(Networks, "finish", counting)
        faces.append(FaceDetector().detect(pictures))
        patches.append(sum(seen))
    assert patches[0] < 0.92 * patches[1]
    pairs = list(zip(*faces, strict=True))
    met = [iou(corners(every.boxes), corners(ours.boxes)).max(axis=1, initial=0) > 0.5 for ours, every in pairs]
    assert np.concatenate(met).mean() > 0.98


def test_scenes_without_faces(faceless: Any, detector: FaceDetector, usual: FaceDetector) -> None:
    for one in (detector, usual):
        assert sum(map(len, one.detect_bytes(list(faceless.files.values())))) <= 3


def test_a_batch_gives_what_singles_give_in_any_order(groups: Any, crowds: Any, detector: FaceDetector) -> None:
    pictures = mixed(groups, crowds)
    together = detector.detect(pictures)
    assert sum(map(len, together)) > 60
    order = np.random.default_rng(0).permutation(len(pictures))
    shuffled = detector.detect([pictures[index] for index in order])
    for place, index in enumerate(order):
        assert_same(shuffled[place], together[index], 1e-2, 1e-5)
        assert_same(detector.detect([pictures[index]])[0], together[index], 1e-2, 1e-5)


def test_faces_come_the_surest_first_with_landmarks_in_place(groups: Any, detector: FaceDetector) -> None:
    for name in groups.files:
        found = detector.detect([groups.pixels(name)])[0]
        assert (np.diff(found.confidence) <= 0).all()
        left_eye, right_eye, nose, left_mouth, right_mouth = found.landmarks.transpose(1, 0, 2)
        assert (left_eye[:, 0] < right_eye[:, 0]).all()
        assert (left_mouth[:, 0] < right_mouth[:, 0]).all()
        assert (left_eye[:, 1] < left_mouth[:, 1]).all()
        for points in (left_eye, right_eye, nose, left_mouth, right_mouth):
            place = (points - found.boxes[:, :2]) / found.boxes[:, 2:]
            assert ((place > -0.2) & (place < 1.2)).all()


def test_a_large_face_hides_no_small_one_beside_it(groups: Any, detector: FaceDetector) -> None:
    """The large one is found first, and what lies in it is not searched again; what lies beside it is."""
    picture = groups.pixels("2008_002470.jpg")
    alone = detector.detect([picture])[0]
    x, y, width, height = alone.boxes[0].astype(int)
    portrait = picture[max(y - height // 2, 0) : y + 2 * height, max(x - width // 2, 0) : x + 2 * width]
    large = cv2.resize(portrait, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    rows = max(large.shape[0], picture.shape[0])
    both = np.full((rows, large.shape[1] + picture.shape[1], 3), 128, np.uint8)
    both[: large.shape[0], : large.shape[1]] = large
    both[: picture.shape[0], large.shape[1] :] = picture
    found = detector.detect([both])[0].boxes
    assert found[:, 2].max() > 3 * width
    small = found[found[:, 0] >= large.shape[1]] - [large.shape[1], 0, 0, 0]
    assert len(small) == len(alone)
    assert iou(corners(small), corners(alone.boxes)).max(axis=1).min() > 0.6


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_any_smallest_face_works(share: float, groups: Any) -> None:
    """Enlarged eightfold, the photographs hold faces of 300 to 900 pixels, which the package would miss silently."""
    name = "2008_002506.jpg"
    large = cv2.resize(groups.pixels(name), None, fx=4, fy=4).astype(np.uint8)
    smallest = share * 400
    found = FaceDetector(smallest).detect([large])[0]
    assert len(found) == 3
    true = groups.boxes[name][:, :4] * 4
    overlap = iou(_corners(found.boxes), _corners(true))
    assert (overlap.max(axis=0) > 0.4).all()


def test_a_fraction_is_that_many_pixels(groups: Any) -> None:
    picture = groups.pixels("2008_002506.jpg")
    fraction = FaceDetector(0.1).detect([picture])[0]
    assert_same(FaceDetector(0.1 * max(picture.shape)).detect([picture])[0], fraction, 1e-3, 1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (11, 11), (12, 12), (12, 3000), (40_000, 13), (20, 33_000)])
def test_extreme_shapes_have_no_face(size: tuple[int, int], detector: FaceDetector) -> None:
    found = detector.detect([np.full((*size, 3), 120, np.uint8)])[0]
    assert len(found) == 0
    assert found.status is Status.NO_FACE


def test_neighbours_of_any_brightness_change_nothing(groups: Any, detector: FaceDetector) -> None:
    picture = groups.pixels("2008_002470.jpg")
    alone = detector.detect([picture])[0]
    for value in (0, 255):
        company = [np.full((300, 200, 3), value, np.uint8), picture, np.full((35, 600, 3), value, np.uint8)]
        found = detector.detect(company)
        assert [len(one) for one in found] == [0, len(alone), 0]
        assert_same(found[1], alone, 1e-2, 1e-5)


def test_bf16_moves_boxes_a_little_where_the_processor_has_it(groups: Any, detector: FaceDetector) -> None:
    if "BF16" not in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(FauxfaceError, match=r"crop\.precision.*set f32"):
            FaceDetector(precision="bf16")
        return
    pictures = [groups.pixels(name) for name in groups.files]
    for exact, rough in zip(detector.detect(pictures), FaceDetector(precision="bf16").detect(pictures), strict=True):
        assert len(rough) == len(exact)
        share = iou(corners(rough.boxes), corners(exact.boxes)).max(axis=0)
        assert share.min() > 0.85
        assert (share < 1).any()


def test_threads_at_work_have_networks_of_their_own(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, one = groups.pixels("2008_002470.jpg"), FaceDetector()
    lent, together = [], Barrier(3)

    def meeting(networks: Networks, *arguments: Any) -> Found:
        lent.append(networks)
        together.wait(timeout=60)
        return find(networks, *arguments)

    expected = one.detect([picture])[0]
    monkeypatch.setattr(module, "find", meeting)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(2):
            for found in pool.map(one.detect, [[picture]] * 3):
                assert_same(found[0], expected, 1e-2, 1e-5)
    assert len({id(networks) for networks in lent[:3]}) == 3
    assert set(lent[3:]) == set(lent[:3])


def test_no_images_no_detections(detector: FaceDetector) -> None:
    assert detector.detect([]) == []
    assert detector.detect_bytes([]) == []


def jpeg(picture: Pixels, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def test_reduced_decoding_answers_in_pixels_of_the_original(groups: Any) -> None:
    detector = FaceDetector(160)
    for name in ("2008_002506.jpg", "2007_007763.jpg"):
        large = cv2.resize(groups.pixels(name), None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        assert detector.reduction(large.shape[1], large.shape[0]) == 8
        full, reduced = detector.detect([large])[0], detector.detect_bytes([jpeg(large)])[0]
        assert len(full) == len(reduced) > 0
        overlap = iou(_corners(full.boxes), _corners(reduced.boxes))
        assert (overlap.max(axis=0) > 0.7).all()
        pairs = overlap.argmax(axis=0)
        apart = np.linalg.norm(full.landmarks[pairs] - reduced.landmarks, axis=2)
        apart /= reduced.boxes[:, 2:].max(axis=1)[:, None]
        assert np.median(apart) < 0.03
        assert apart.max() < 0.1


def test_a_phone_held_sideways_gives_upright_boxes(groups: Any, detector: FaceDetector) -> None:
    picture = groups.pixels("2008_002506.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    sideways = detector.detect_bytes([jpeg(np.ascontiguousarray(np.rot90(picture)), exif=exif)])[0]
    upright = detector.detect_bytes([jpeg(picture)])[0]
    assert len(sideways) == len(upright) == 3
    assert (iou(_corners(sideways.boxes), _corners(upright.boxes)).max(axis=0) > 0.8).all()


def test_a_bad_file_has_its_status_and_touches_no_other(groups: Any, detector: FaceDetector) -> None:
    good = list(groups.files.values())[:3]
    files = [good[0], b"", good[1][: len(good[1]) // 2], b"text", good[2]]
    found = detector.detect_bytes(files)
    statuses = [Status.OK, Status.EMPTY_FILE, Status.TRUNCATED, Status.NOT_AN_IMAGE, Status.OK]
    assert [one.status for one in found] == statuses
    assert all(bool(one.error) == (one.status is not Status.OK) for one in found)
    for one, alone in zip((found[0], found[4]), detector.detect_bytes([good[0], good[2]]), strict=True):
        assert_same(one, alone, 1e-2, 1e-5)


def _corners(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
