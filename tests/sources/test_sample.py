"""The drawn sample: the same bytes every time, the same people in both classes, and only the chain's trace between."""

from __future__ import annotations

import io
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from tasks.detection.detector import FaceDetector
from tasks.sources import Member, open_source
from tasks.sources.drawing.chains import generate, photograph
from tasks.sources.sample import HOME, draw_sample, portrait, retouched_part

PEOPLE = 30


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample: 30 people, one look each."""
    out = tmp_path_factory.mktemp("sample")
    counts = draw_sample(out, seed=3, identities=PEOPLE, looks=1)
    for name, count in counts.items():
        with open_source(out / name) as dump:
            assert dump.count() == count
    return out


def members(path: Path) -> dict[str, Member]:
    with open_source(path) as dump:
        return {member.path: member for member in dump.members()}


def pixels(member: Member) -> NDArray[np.uint8]:
    assert member.data is not None
    return np.asarray(Image.open(io.BytesIO(member.data)).convert("RGB"))


def classes(sample: Path) -> tuple[list[Member], list[Member]]:
    faces = sorted(members(sample / "faces.tar").values(), key=lambda member: member.path)
    real, fake = ([face for face in faces if face.path.startswith(label)] for label in ("real", "fake"))
    return real, fake


def separation(sample: Path, feature: Callable[[Member], float]) -> float:
    """Return the AUC of one number that tells fake from real, in whichever direction it does."""
    real, fake = classes(sample)
    auc = roc_auc_score([0] * len(real) + [1] * len(fake), [feature(member) for member in real + fake])
    return float(max(auc, 1 - auc))


def test_the_same_seed_draws_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_sample(tmp_path / "a", seed=5, identities=2, looks=1)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    draw_sample(tmp_path / "b", seed=5, identities=2, looks=1)
    draw_sample(tmp_path / "c", seed=6, identities=2, looks=1)
    for name in ("faces.tar", "other.zip", "dump.zip"):
        first = (tmp_path / "a" / name).read_bytes()
        assert first == (tmp_path / "b" / name).read_bytes()
        assert first != (tmp_path / "c" / name).read_bytes()


def test_both_classes_show_the_same_people_in_the_same_size_and_jpeg_quality(sample: Path) -> None:
    real, fake = classes(sample)
    assert len(real) == PEOPLE
    assert [member.path[5:] for member in real] == [member.path[5:] for member in fake]
    for one, other in zip(real, fake, strict=True):
        first, second = (Image.open(io.BytesIO(member.data or b"")) for member in (one, other))
        assert first.size == second.size == (256, 256)
        assert first.quantization == second.quantization  # type: ignore[attr-defined]
        # The same picture, but for the trace.
        a, b = (cv2.GaussianBlur(pixels(member), (0, 0), 6).astype(int) for member in (one, other))
        assert np.abs(a - b).mean() < 6


def test_an_identity_is_a_group_that_a_regular_expression_finds(sample: Path) -> None:
    found = [re.search(r"([0-9]+)_[0-9]+\.jpg$", path) for path in members(sample / "faces.tar")]
    assert Counter(match[1] for match in found if match) == {f"{number:04d}": 2 for number in range(PEOPLE)}
    other = {path.split("/")[1].split("_")[0] for path in members(sample / "other.zip")}
    assert not other & {f"{number:04d}" for number in range(PEOPLE)}


@pytest.mark.parametrize(
    "feature",
    [
        pytest.param(lambda member: len(member.data), id="file size"),
        pytest.param(lambda member: float(pixels(member).mean()), id="brightness"),
        pytest.param(lambda member: float(pixels(member).std()), id="contrast"),
        pytest.param(lambda member: float(pixels(member)[:32, :32].var()), id="corner"),
        pytest.param(
            lambda member: float(
                cv2.Laplacian(cv2.resize(pixels(member)[50:210, 48:208], (128, 128)), cv2.CV_64F).var()
            ),
            id="sharpness",
        ),
    ],
)
def test_no_trivial_feature_tells_the_classes_apart(sample: Path, feature: Callable[[Member], float]) -> None:
    assert separation(sample, feature) < 0.68  # of 30 against 30, which is chance within two deviations


def grid(picture: NDArray[np.uint8]) -> float:
    """Return how far the spectrum stands out at periods of 8 and 4 pixels, from the frequencies beside them."""
    grey = picture.astype(float).mean(2)
    power = np.abs(np.fft.fft(grey - cv2.GaussianBlur(grey, (0, 0), 3), axis=1)).mean(0)
    size = len(power)
    return float(sum(power[at] / np.median(power[at - 5 : at + 6]) for at in (size // 8, size // 4)))


def test_the_generator_leaves_a_faint_grid_in_the_spectrum(sample: Path) -> None:
    real, fake = classes(sample)
    whole = [member for member in fake if retouched_part(member.path) is None]
    figures = [grid(pixels(member)) for member in (*real, *whole)]
    assert 0.75 < roc_auc_score([0] * len(real) + [1] * len(whole), figures) < 0.99


def test_a_retouched_fake_is_a_generators_round_one_part_and_a_photograph_elsewhere() -> None:
    seed, look = 3, 0
    for who, part in ((2, "left eye"), (5, "right eye"), (8, "mouth")):
        assert retouched_part(f"fake/{who:04d}_{look}.jpg") == part
        light, areas = portrait(seed, who, look)
        shot = photograph(light, 256, 256, HOME.camera(np.random.default_rng(1)), np.random.default_rng(1))
        made = generate(shot, HOME.generator(np.random.default_rng(1), True), areas[part])
        y, x = np.mgrid[:256, :256]
        distance = np.hypot(x - areas[part].x, y - areas[part].y) / areas[part].radius
        changed = np.abs(made.astype(int) - shot).max(2)
        assert not changed[distance > 1.15].any()
        assert changed[distance < 0.8].mean() > 1
    assert retouched_part("real/0002_0.jpg") is None
    assert retouched_part("fake/0003_0.jpg") is None


def test_the_parts_of_a_face_are_where_the_detector_sees_them() -> None:
    detector = FaceDetector(min_face=0.1)
    off = []
    for who in range(6):
        light, areas = portrait(3, who, 0)
        shot = photograph(light, 256, 256, HOME.camera(np.random.default_rng(1)), np.random.default_rng(1))
        landmarks = detector.detect([shot])[0].landmarks[0]
        expected = [landmarks[0], landmarks[1], landmarks[3:].mean(0)]
        for at, seen in zip(areas.values(), expected, strict=True):
            off.append(np.hypot(at.x - seen[0], at.y - seen[1]) / at.radius)
    assert np.median(off) < 0.4


def test_the_detector_finds_each_face_and_no_other(sample: Path) -> None:
    detector = FaceDetector(min_face=0.1)
    dump = members(sample / "dump.zip")
    single = [member for path, member in dump.items() if path.startswith("portraits")] + classes(sample)[0]
    groups = {path: member for path, member in dump.items() if path.startswith("groups")}
    empty = [member for path, member in dump.items() if path.startswith("empty")]
    assert sum(len(found) >= 1 for found in detector.detect([pixels(member) for member in single])) >= 0.95 * len(
        single
    )
    assert not any(len(found) for found in detector.detect([pixels(member) for member in empty]))
    people = [int(path.split("_")[1]) for path in groups]
    found = [len(faces) for faces in detector.detect([pixels(member) for member in groups.values()])]
    assert sum(one == other for one, other in zip(people, found, strict=True)) >= 0.7 * len(people)


def test_the_dump_has_broken_members_too(sample: Path) -> None:
    dump = members(sample / "dump.zip")
    assert str(dump["../outside.jpg"].status) == "unsafe_path"
    assert dump["broken/empty.jpg"].data == b""
    assert (dump["broken/half.jpg"].data or b"").startswith(b"\xff\xd8")
    assert (dump["broken/text.jpg"].data or b"").startswith(b"This is")


@pytest.mark.slow
def test_the_stock_detector_finds_the_faces(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The package looks for its weights in the working directory first.
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mtcnn import MTCNN

        stock = MTCNN()
        dump = members(sample / "dump.zip")
        faces = [len(stock.detect_faces(pixels(member))) for side in classes(sample) for member in side]
        empty = [len(stock.detect_faces(pixels(member))) for path, member in dump.items() if path.startswith("empty")]
    assert sum(count >= 1 for count in faces) >= 0.95 * len(faces)
    assert sum(empty) == 0
