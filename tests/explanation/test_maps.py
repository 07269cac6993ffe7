"""Occlusion finds what was planted, colours tell evidence from none, sheets show any name as text."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.explanation.colours import FAKE, REAL, overlay, plain, scale_of
from tasks.explanation.explainer import Explained
from tasks.explanation.occlusion import fill, occlusion_map
from tasks.explanation.shapley import shap_map
from tasks.explanation.sheet import SIDE, Shown, sheet, write_sheet
from tasks.params import FauxfaceError

PLANTED = slice(24, 40), slice(64, 80)  # rows, columns


def face(seed: int = 0) -> NDArray[np.uint8]:
    """A smooth picture, as skin is, of 96 pixels."""
    coarse = np.random.default_rng(seed).integers(90, 160, (4, 4, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC), np.uint8)


def fineness(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The logit of a scorer that takes fine texture for fake."""
    return np.array([10 * (np.abs(np.diff(crop.astype(float), axis=1)).mean() - 2) for crop in crops], np.float32)


def explained(evidence: NDArray[np.float64]) -> Explained:
    return Explained(1.0, 0.7, "exact", evidence, 0.1)


def test_occlusion_finds_a_planted_square_and_little_else() -> None:
    crop = face()
    crop[PLANTED] = np.random.default_rng(1).integers(0, 256, crop[PLANTED].shape, np.uint8)
    found = occlusion_map(crop, fineness)
    assert np.unravel_index(found.argmax(), found.shape)[0] in range(20, 44)
    assert np.unravel_index(found.argmax(), found.shape)[1] in range(60, 84)
    inside = found[PLANTED].mean()
    assert inside > 20 * np.abs(found[48:, :48]).mean()
    assert inside > 0, "what makes a face fake is positive"
    assert occlusion_map(crop, lambda crops: -fineness(crops))[PLANTED].mean() == pytest.approx(-inside)


def test_shap_finds_a_planted_square_and_adds_up() -> None:
    crop = face()
    crop[PLANTED] = np.random.default_rng(1).integers(0, 256, crop[PLANTED].shape, np.uint8)
    found, left = shap_map(crop, fineness)
    assert found.sum() + left == pytest.approx(float(fineness(crop[np.newaxis])[0]), rel=1e-3)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 18 <= row < 46, "a part that is hidden may have some of it"
    assert 58 <= column < 86
    assert found[PLANTED].mean() > 10 * np.abs(found[48:, :48]).mean()
    assert shap_map(crop, lambda crops: -fineness(crops))[0][PLANTED].sum() < 0


def test_every_pixel_is_hidden_by_some_window() -> None:
    hidden = np.zeros((50, 50), bool)

    def watch(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        for crop in crops[1:]:
            hidden[(crop != crops[0]).any(axis=-1)] = True
        return np.zeros(len(crops), np.float32)

    noise = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    occlusion_map(noise, watch)
    assert hidden.mean() > 0.98


def test_a_window_is_filled_from_its_surroundings_without_an_edge() -> None:
    crop = face()
    marked = crop.copy()
    marked[40:52, 40:52] = (255, 0, 0)
    filled = fill(marked, 38, 38, 16)
    assert np.abs(filled[42:50, 42:50].astype(int) - crop[42:50, 42:50]).max() < 40
    edge = np.abs(np.diff(filled[30:62, 30:62].astype(int), axis=0)).max()
    assert edge < 25
    assert (filled[:25] == marked[:25]).all(), "what is far away stays as it is"


def test_colours_are_orange_for_fake_blue_for_real_and_none_for_none() -> None:
    evidence = np.zeros((3, 3))
    evidence[0, 0], evidence[2, 2] = 4.0, -4.0
    shown = plain(evidence, 96, scale=4.0)
    assert (shown[48, 48] == 255).all()
    for place, colour in ((4, FAKE), (92, REAL)):
        strongest = np.array(colour) - 255
        assert np.dot(shown[place, place].astype(int) - 255, strongest) > 0.7 * np.dot(strongest, strongest)
    grey = overlay(face(), np.zeros((2, 2)), 1.0)
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 1] == grey[..., 2]).all()


def test_one_scale_for_all_and_noise_is_not_stretched() -> None:
    weak, strong = np.full((4, 4), 0.01), np.full((4, 4), -3.0)
    assert scale_of([weak, strong], 0.5) == pytest.approx(3.0)
    assert scale_of([weak], 0.5) == 0.5
    assert np.abs(plain(weak, 16, scale_of([weak], 0.5)).astype(int) - 255).max() < 6
    assert scale_of([], 0.5) == 0.5


def test_a_sheet_shows_face_and_evidence_and_any_name_as_text(tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>.jpg"
    evidence = np.zeros((8, 8))
    evidence[:4] = 2.0
    faces = [Shown(name, "said", face(), explained(evidence)) for name in (hostile, "名前\n.jpg", "x" * 500)]
    drawn = sheet(faces, 2.0)
    assert drawn.shape[1] == 10 + 2 * (3 * SIDE + 30)
    top = drawn[50 : 50 + SIDE // 2, 10 + 2 * (SIDE + 10) : 10 + 3 * SIDE + 20]
    assert np.abs(top.reshape(-1, 3).mean(axis=0) - (np.array(FAKE) * 0.75 + 255 * 0.25)).max() < 25
    write_sheet(tmp_path / "sheet.png", faces, 2.0)
    read = cv2.imread(str(tmp_path / "sheet.png"))
    assert read is not None
    assert (read[..., ::-1] == drawn).all()
    with pytest.raises(FauxfaceError, match=r"sheet\.gif.*\.png"):
        write_sheet(tmp_path / "sheet.gif", faces, 2.0)
