"""Crops of whole pixels: what is in the file, reduced by a power of two at most, never resampled."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tasks.detection.crop import crop_face, crop_side, native_reduction, window_start
from tasks.detection.detector import FaceDetector
from tasks.detection.onepass import Face, ImageResult, faces_of, shared_detector
from tasks.detection.second_look import turned
from tasks.imaging.decode import decode
from tasks.params import CropParams
from tasks.sources import Member

Pixels = NDArray[np.uint8]
NATIVE = CropParams(scale="native", size=256, margin=0.2, reencode=None)
FIT = CropParams(scale="fit", size=256, margin=0.2, reencode=None)
POINTS = np.zeros((5, 2), np.float32)
REDUCED = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2 | cv2.IMREAD_COLOR_RGB,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_COLOR_RGB,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_COLOR_RGB,
}


def scale_of(params: CropParams, **changes: Any) -> CropParams:
    return CropParams(**{**params.model_dump(), **changes})


def read(data: bytes, reduction: int = 1) -> Pixels:
    """Decode by OpenCV alone."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[reduction])
    assert pixels is not None
    return pixels.astype(np.uint8)


def png(picture: Pixels, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1, **options)
    return buffer.getvalue()


def looked_at(
    files: list[bytes], params: CropParams, keep: str = "largest", detector: FaceDetector | None = None
) -> list[ImageResult]:
    members = [Member(str(place), data) for place, data in enumerate(files)]
    return list(faces_of(members, params, keep, detector or shared_detector(params), 2))


def cut_by_hand(picture: Pixels, face: Face, reduction: int, size: int) -> Pixels:
    """Return the window around the face's centre, moved into the picture."""
    x, y = ((face.box[:2] + face.box[2:] / 2) / reduction - size / 2).round().astype(int)
    high, wide = picture.shape[:2]
    x, y = min(max(x, 0), wide - size), min(max(y, 0), high - size)
    return picture[y : y + size, x : x + size]


@pytest.fixture(scope="module")
def small(real_data: Path) -> list[bytes]:
    """Forty faces of FFHQ and StyleGAN, 256 x 256."""
    with zipfile.ZipFile(real_data / "faces" / "ffhq_stylegan.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        return [archive.read(name) for name in names[:: len(names) // 40]][:40]


@pytest.fixture(scope="module")
def large(real_data: Path) -> list[bytes]:
    """Twelve faces of StyleGAN2, 1024 x 1024."""
    with tarfile.open(real_data / "faces" / "omi_stylegan2.tar") as tar:
        members = [member for member in tar.getmembers() if member.name.endswith(".jpg")][:12]
        return [stream.read() for member in members if (stream := tar.extractfile(member))]


@pytest.fixture(scope="module")
def people(real_data: Path) -> list[bytes]:
    """Twenty photographs of LFW, 250 x 250, whose faces are some hundred pixels high."""
    with zipfile.ZipFile(real_data / "faces" / "lfw.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))[:20]
        return [archive.read(name) for name in names]


def test_a_picture_that_is_one_crop_is_left_as_it_is(small: list[bytes]) -> None:
    results = looked_at(small, NATIVE)
    assert sum(bool(result.faces) for result in results) >= 38
    for result, data in zip(results, small, strict=True):
        for face in result.faces:
            assert face.rgb.tobytes() == read(data).tobytes()
            assert face.padding == 0
    resampled = zip(looked_at(small, FIT), small, strict=True)
    touched = sum(face.rgb.tobytes() != read(data).tobytes() for result, data in resampled for face in result.faces)
    assert touched >= 38, "or this test tells nothing"


@pytest.mark.parametrize("min_face", [0.06, 0.1, 20.0])
def test_a_large_jpeg_is_reduced_by_its_decoder_alone(large: list[bytes], min_face: float) -> None:
    """Whatever it was reduced by for the search: half at 0.06, a quarter at 0.1, nothing at 20 pixels."""
    params = scale_of(NATIVE, size=224, min_face=min_face)
    for result, data in zip(looked_at(large, params), large, strict=True):
        (face,) = result.faces
        assert native_reduction(face.box, params) == 4
        np.testing.assert_array_equal(face.rgb, cut_by_hand(read(data, 4), face, 4, 224))
        assert face.padding == 0


@pytest.mark.parametrize("min_face", [0.06, 20.0])
def test_other_formats_are_averaged(large: list[bytes], min_face: float) -> None:
    params = scale_of(NATIVE, min_face=min_face)
    files = [png(read(data)) for data in large[:4]]
    for result, data in zip(looked_at(files, params), large, strict=False):
        means = read(data).reshape(256, 4, 256, 4, 3).mean(axis=(1, 3))
        # In two steps where the search was at the half: each rounds once.
        assert np.abs(result.faces[0].rgb - means).max() <= (0.5 if min_face == 20 else 1.0)


def test_faces_of_every_size_in_one_photograph(groups: Any) -> None:
    """Searched at a quarter; cut from the whole, the half and the quarter, each as the decoder gives it."""
    picture = cv2.resize(groups.pixels("2008_002470.jpg"), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    near, far = cv2.resize(picture, None, fx=1.5, fy=1.5), cv2.resize(picture, None, fx=0.5, fy=0.5)
    height = max(near.shape[0], far.shape[0])
    pad = np.zeros((height - far.shape[0], far.shape[1], 3), np.uint8)
    photo = np.concatenate([near, np.concatenate([far, pad])], axis=1).astype(np.uint8)
    data = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))[1].tobytes()
    params = scale_of(NATIVE, size=112, margin=0.3, min_face=80)
    detector = FaceDetector(80, params.thresholds)
    assert detector.reduction(photo.shape[1], photo.shape[0]) == 4
    (result,) = looked_at([data], params, "all", detector)
    seen: Counter[int] = Counter()
    for face in result.faces:
        reduction = native_reduction(face.box, params)
        assert reduction is not None
        np.testing.assert_array_equal(face.rgb, cut_by_hand(read(data, reduction), face, reduction, 112))
        seen[reduction] += 1
    assert len(seen) >= 3, seen
    (alone,) = looked_at([data], params, "largest", detector)
    assert alone.faces[0].rgb.tobytes() == result.faces[alone.faces[0].index].rgb.tobytes()


def test_a_face_too_small_is_resampled_as_before(people: list[bytes]) -> None:
    sides = []
    for ours, theirs in zip(looked_at(people, NATIVE), looked_at(people, FIT), strict=True):
        for face, fit in zip(ours.faces, theirs.faces, strict=True):
            sides.append(crop_side(face.box, NATIVE))
            assert (native_reduction(face.box, NATIVE) is None) == (sides[-1] < 256 / 2**0.5)
            if sides[-1] < 256 / 2**0.5:
                assert (face.rgb.tobytes(), face.padding) == (fit.rgb.tobytes(), fit.padding)
    assert min(sides) < 256 / 2**0.5 < max(sides)


@pytest.mark.parametrize("size", [48, 64, 96])
def test_the_window_stays_in_the_picture_where_it_can(groups: Any, crowds: Any, size: int) -> None:
    params = scale_of(NATIVE, size=size, margin=0.3, min_face=20)
    files = [*groups.files.values(), *list(crowds.files.values())[:20]]
    cut = 0
    for result, data in zip(looked_at(files, params, "all"), files, strict=True):
        for face in result.faces:
            reduction = native_reduction(face.box, params)
            if reduction is None:
                continue
            picture = read(data, reduction)
            assert min(picture.shape[:2]) >= size
            np.testing.assert_array_equal(face.rgb, cut_by_hand(picture, face, reduction, size))
            assert face.padding == 0
            cut += 1
    assert cut >= 20


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_orientation_is_undone_before(small: list[bytes], large: list[bytes], orientation: int) -> None:
    undone = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = [read(small[3]), read(large[0])]
    stored = [np.asarray(Image.fromarray(picture).transpose(undone[orientation])) for picture in upright]
    first, second = looked_at([png(picture, exif=exif) for picture in stored], NATIVE)
    np.testing.assert_array_equal(first.faces[0].rgb, upright[0])
    np.testing.assert_array_equal(second.faces[0].rgb, looked_at([png(upright[1])], NATIVE)[0].faces[0].rgb)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_second_look_turns_whole_pixels(small: list[bytes], large: list[bytes], turns: int) -> None:
    params = scale_of(NATIVE, second_look=True)
    upright = [*(read(data) for data in small[:15]), *(read(data, 1) for data in large[:5])]
    results = looked_at([png(turned(picture, turns)) for picture in upright], params)
    right = 0
    for result, picture in zip(results, upright, strict=True):
        if result.faces and result.faces[0].rotation == 90 * turns % 360:
            small_ = picture if len(picture) == 256 else picture.reshape(256, 4, 256, 4, 3).mean(axis=(1, 3))
            assert np.abs(result.faces[0].rgb - small_).max() <= (0 if len(picture) == 256 else 1)
            right += 1
    assert right >= 14


def test_a_batch_gives_what_singles_give(groups: Any, large: list[bytes], people: list[bytes]) -> None:
    params = scale_of(NATIVE, size=96)
    files = [*groups.files.values(), *large[:3], *people[:5]]
    together = looked_at(files, params, "all")
    for result, data in zip(together, files, strict=True):
        (alone,) = looked_at([data], params, "all")
        assert [face.rgb.tobytes() for face in alone.faces] == [face.rgb.tobytes() for face in result.faces]


@given(length=st.integers(1, 5000), share=st.floats(0, 1), size=st.integers(32, 1024))
def test_the_window_holds_the_centre_and_as_much_picture_as_it_can(length: int, share: float, size: int) -> None:
    centre = share * length
    start = window_start(centre, length, size)
    assert start <= centre <= start + size
    low, high = min(0, length - size), max(0, length - size)
    assert low <= start <= high
    if length >= size and size / 2 <= centre <= length - size / 2:
        assert abs(start + size / 2 - centre) <= 0.5


@given(
    width=st.integers(8, 700),
    height=st.integers(8, 700),
    place=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.05, 1), st.floats(0.05, 1)),
    size=st.integers(32, 300),
    margin=st.floats(0, 2),
)
def test_any_box_in_any_picture_gives_the_size(
    width: int, height: int, place: tuple[float, float, float, float], size: int, margin: float
) -> None:
    params = scale_of(NATIVE, size=size, margin=margin)
    x, y = place[0] * width, place[1] * height
    box = np.array([x, y, min(place[2] * width, width - x), min(place[3] * height, height - y)], np.float32)
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([columns % 256, rows % 256, columns // 256 * 16 + rows // 256], axis=2).astype(np.uint8)
    crop = crop_face(picture, box, POINTS, params)
    assert crop.rgb.shape == (size, size, 3)
    side, reduction = crop_side(box, params), native_reduction(box, params)
    if reduction is None:
        assert side < size / 2**0.5 * (1 + 1e-9)
        return
    assert reduction == 2 ** max(0, round(np.log2(side / size)))
    assert native_reduction(box / np.float32(reduction), params) == 1
    wide, high = -(-width // reduction), -(-height // reduction)
    assert crop.padding == pytest.approx(1 - min(wide, size) * min(high, size) / size**2)
    if reduction == 1 and crop.padding == 0:
        left, top = (int(crop.rgb[0, 0, i]) + 256 * (int(crop.rgb[0, 0, 2]) // 16 ** (1 - i) % 16) for i in (0, 1))
        np.testing.assert_array_equal(crop.rgb, picture[top : top + size, left : left + size])


def test_what_is_missing_of_a_small_picture_is_border() -> None:
    picture = np.arange(200 * 300 * 3).reshape(200, 300, 3).astype(np.uint8)
    box = np.array([100, 20, 150, 160], np.float32)
    params = scale_of(NATIVE, size=256, margin=0.3, border="black")
    crop = crop_face(picture, box, POINTS, params)
    assert crop.padding == pytest.approx(1 - 200 / 256)
    above = 128 - 100  # centred downwards; across it would reach 3 pixels beyond the right side, so it is moved
    np.testing.assert_array_equal(crop.rgb[above : 200 + above], picture[:, 300 - 256 :])
    assert not crop.rgb[:above].any()
    assert not crop.rgb[200 + above :].any()


def test_very_large_faces_are_reduced_beyond_what_decoders_do(large: list[bytes]) -> None:
    params = scale_of(NATIVE, size=32, margin=0.3)
    (jpeg_, png_) = looked_at([large[0], png(read(large[0]))], params)
    assert native_reduction(jpeg_.faces[0].box, params) == 32
    eighth = read(large[0], 8).astype(float).reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(jpeg_.faces[0].rgb - eighth).max() <= 0.5
    assert np.abs(jpeg_.faces[0].rgb.astype(int) - png_.faces[0].rgb).mean() < 1


@pytest.mark.parametrize("params", [NATIVE, FIT])
def test_a_crop_can_be_what_a_jpeg_file_keeps_of_it(small: list[bytes], params: CropParams) -> None:
    plain = looked_at(small[:4], params)
    for one, other in zip(plain, looked_at(small[:4], scale_of(params, reencode=60)), strict=True):
        face, again = one.faces[0], other.faces[0]
        bgr = np.ascontiguousarray(face.rgb[..., ::-1])
        _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 60])
        np.testing.assert_array_equal(again.rgb, np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR))[..., ::-1])
        assert not np.array_equal(again.rgb, face.rgb)
        assert (again.padding, again.box.tolist()) == (face.padding, face.box.tolist())
        assert again.sharpness != face.sharpness  # measured on the crop that is kept
    assert scale_of(params, reencode=60).recipe() != params.recipe()


def test_a_model_is_bound_to_the_setting() -> None:
    assert NATIVE.recipe() != FIT.recipe()


def test_a_fit_crop_is_resampled(small: list[bytes]) -> None:
    decoded = decode(small[0], max_pixels=10**8).pixels
    (result,) = looked_at([small[0]], FIT)
    face = result.faces[0]
    side = round(crop_side(face.box, NATIVE))
    assert side != 256
    assert crop_face(decoded, face.box, face.landmarks, FIT).rgb.tobytes() == face.rgb.tobytes()
