"""The one pass: every member ends as one result, in order, and a crop has the pixels it needs."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.detection import onepass
from tasks.detection.detector import Detections, FaceDetector
from tasks.detection.onepass import BATCH, ImageResult, faces_of, kept, shared_detector
from tasks.params import CropParams
from tasks.sources import Member
from tasks.sources.status import Status

Pixels = NDArray[np.uint8]
PARAMS = CropParams(min_face=20, thresholds=(0.6, 0.7, 0.8), size=96, margin=0.3, scale="fit", reencode=None)


def jpeg(picture: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def same(ours: ImageResult, theirs: ImageResult) -> bool:
    facts = [(result.member, result.status, result.error, result.image_id, result.n_faces) for result in (ours, theirs)]
    crops = [[(face.index, face.rgb.tobytes()) for face in result.faces] for result in (ours, theirs)]
    return facts[0] == facts[1] and crops[0] == crops[1]


def test_frames_of_an_animation_and_of_what_is_no_image(detector: FaceDetector) -> None:
    stream = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    members = [Member("a.webp", stream.getvalue()), Member("b.webp", b"no image at all")]
    results = list(faces_of(members, PARAMS, "all", detector, 1))
    assert [result.frames for result in results] == [3, None]
    assert [result.status for result in results] == [Status.NO_FACE, Status.NOT_AN_IMAGE]


def test_results_in_order_with_facts_and_crops(groups: Any, detector: FaceDetector) -> None:
    members = [Member(name, data) for name, data in groups.files.items()]
    results = list(faces_of(members, PARAMS, "all", detector, 2))
    assert [result.member for result in results] == list(groups.files)
    assert sum(result.n_faces for result in results) == 43
    for result, data in zip(results, groups.files.values(), strict=True):
        assert (result.status, result.error, result.format) == (Status.OK, "", "JPEG")
        assert (result.image_id, result.file_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
        assert (result.width, result.height) == Image.open(io.BytesIO(data)).size
        assert result.jpeg_quality
        assert result.frames == 1
        assert len(result.phash or b"") == 32
        assert [face.index for face in result.faces] == list(range(result.n_faces))
        for face in result.faces:
            assert face.rgb.shape == (96, 96, 3)
            assert face.rgb.dtype == np.uint8
            assert 0 <= face.padding < 1
            assert face.box.shape == (4,)
            assert face.landmarks.shape == (5, 2)
            assert face.sharpness > 0


def test_bad_members_are_rows_and_the_others_are_untouched(groups: Any, detector: FaceDetector) -> None:
    good = [Member(name, data) for name, data in groups.files.items()]
    bad = [
        Member("empty.jpg", b""),
        Member("notes.jpg", b"this is a text"),
        Member("half.jpg", good[0].data[: len(good[0].data or b"") // 2] if good[0].data else None),
        Member("../out.jpg", None, Status.UNSAFE_PATH, "leaves the archive"),
        Member("plain.png", _png(np.full((50, 50, 3), 9, np.uint8))),
    ]
    results = list(faces_of([*good[:4], *bad, *good[4:]], PARAMS, "all", detector, 2))
    statuses = [result.status for result in results[4:9]]
    assert statuses == ["empty_file", "not_an_image", "truncated", "unsafe_path", "no_face"]
    assert results[7].image_id is None
    assert results[7].error == "leaves the archive"
    assert results[4].image_id == hashlib.sha256(b"").hexdigest()
    alone = list(faces_of(good, PARAMS, "all", detector, 1))
    assert all(same(ours, theirs) for ours, theirs in zip(results[:4] + results[9:], alone, strict=True))


def _png(picture: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def test_threads_batches_and_groups_do_not_change_a_byte(
    groups: Any, detector: FaceDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [Member(name, data) for name, data in groups.files.items()]
    expected = list(faces_of(members, PARAMS, "largest", detector, 1))
    monkeypatch.setattr(onepass, "BATCH", 2)
    monkeypatch.setattr(onepass, "GROUP_PIXELS", 1)
    again = list(faces_of(members, PARAMS, "largest", detector, 3))
    assert all(same(ours, theirs) for ours, theirs in zip(again, expected, strict=True))


def test_members_are_read_lazily(detector: FaceDetector) -> None:
    read = 0

    def members() -> Iterator[Member]:
        nonlocal read
        for index in range(100 * BATCH):
            read += 1
            yield Member(str(index), None, Status.UNREADABLE, "gone")

    results = faces_of(members(), PARAMS, "all", detector, 2)
    assert next(results).member == "0"
    assert read == 4 * BATCH  # three are in flight, so that none of two threads waits, and one more is ahead
    results.close()  # type: ignore[attr-defined]


def test_a_small_face_of_a_large_photograph_is_cropped_from_full_pixels(groups: Any) -> None:
    """Faces are looked for at a quarter of the size; a crop from there would be blurred."""
    large = cv2.resize(groups.pixels("2008_002470.jpg"), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(1).normal(0, 12, large.shape[:2])[..., None]
    photo = jpeg((large + noise).clip(0, 255).astype(np.uint8))
    params = PARAMS.model_copy(update={"min_face": 100, "size": 256})
    detector = FaceDetector(100, params.thresholds)
    assert detector.reduction(large.shape[1], large.shape[0]) == 4
    (result,) = faces_of([Member("photo.jpg", photo)], params, "all", detector, 1)
    assert result.n_faces == 6
    full = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert full is not None
    for face in result.faces:
        x, y, width, height = face.box
        side = round(max(width, height) * 1.6)
        assert side < 512
        left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
        if face.padding == 0:
            square = full[top : top + side, left : left + side].astype(np.uint8)
            expected = cv2.resize(square, (256, 256), interpolation=cv2.INTER_AREA if side > 256 else cv2.INTER_CUBIC)
            # Two ways to average noise differ by up to 3; a crop from the quarter is 6 to 9 off.
            assert np.abs(face.rgb.astype(int) - expected).mean() < 4


@pytest.mark.parametrize(("keep", "index"), [("largest", 1), ("centre", 2), ("most_confident", 0)])
def test_which_face_is_kept(keep: str, index: int) -> None:
    boxes = np.array([[0, 0, 20, 20], [60, 60, 40, 40], [40, 45, 20, 10]], np.float32)
    found = Detections(boxes, np.array([0.99, 0.95, 0.9], np.float32), np.zeros((3, 5, 2), np.float32), Status.OK)
    assert kept(found, keep, 100, 100) == [index]
    assert kept(found, "all", 100, 100) == [0, 1, 2]
    assert kept(Detections(), keep, 100, 100) == []


def test_the_largest_face_has_the_largest_area_and_the_most_central_one_the_nearest_centre() -> None:
    boxes = np.array([[0, 0, 50, 10], [0, 60, 24, 24], [70, 0, 10, 52]], np.float32)  # 500, 576 and 520 pixels
    found = Detections(boxes, np.array([0.9, 0.9, 0.8], np.float32), np.zeros((3, 5, 2), np.float32), Status.OK)
    assert kept(found, "largest", 100, 100) == [1]
    assert kept(found, "most_confident", 100, 100) == [0], "of two alike the first"
    assert kept(found, "centre", 150, 52) == [2]
    assert kept(found, "centre", 24, 144) == [1]


def test_one_detector_serves_a_process() -> None:
    assert shared_detector(CropParams(margin=0.1)) is shared_detector(CropParams(margin=0.2))


def test_the_last_images_are_shared_out_evenly(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine images and two threads: with batches of four the last image would keep one thread waiting."""
    detector = FaceDetector()
    sizes = []

    def counting(images: Any, smallest: Any) -> list[Detections]:
        sizes.append(len(images))
        return FaceDetector.detect_reduced(detector, images, smallest)

    monkeypatch.setattr(detector, "detect_reduced", counting)
    monkeypatch.setattr(onepass, "BATCH", 3)
    members = [Member(name, data) for name, data in groups.files.items()]
    assert sum(result.n_faces for result in faces_of(members, PARAMS, "all", detector, 2)) == 43
    assert sorted(sizes) == [1, 2, 3, 3]
    sizes.clear()
    assert len(list(faces_of(members[:4], PARAMS, "all", detector, 2))) == 4
    assert sizes == [2, 2]
    assert list(faces_of([], PARAMS, "all", detector, 2)) == []


def test_passes_after_one_another_have_the_same_threads(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every thread that ever computed the process would keep some 25 MB."""
    detector = FaceDetector()
    threads = []

    def seen(images: Any, smallest: Any) -> list[Detections]:
        threads.append(threading.current_thread())
        return FaceDetector.detect_reduced(detector, images, smallest)

    monkeypatch.setattr(detector, "detect_reduced", seen)
    members = [Member(name, data) for name, data in groups.files.items()]
    passes = [faces_of(members, PARAMS, "all", detector, 2) for _ in range(2)]
    assert [next(one).member for one in passes] == [members[0].path] * 2  # both are under way
    for one in passes:
        list(one)
    for _ in range(3):
        list(faces_of(members, PARAMS, "all", detector, 2))
    assert len(set(threads)) <= 4
