from __future__ import annotations

import random as pythons
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from tasks.training.batches import camera
from tasks.training.batches.augment import Augmenter
from tasks.training.recipe.recipes import TransformSpec


def textured(side: int = 64) -> np.ndarray:
    """Smooth colours with fine grain: what every damage takes something from."""
    random = np.random.default_rng(3)
    base = cv2.resize(random.normal(128, 40, (5, 5, 3)), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(base + random.normal(0, 12, base.shape), 0, 255), np.uint8)


def detail(image: np.ndarray) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


@pytest.mark.parametrize("step", [camera.framed, camera.lit, camera.damaged, camera.covered, *camera.DAMAGES])
def test_every_step_keeps_the_shape_and_is_decided_by_its_random_numbers(step: Callable[..., np.ndarray]) -> None:
    image = textured()
    before = image.copy()
    seen = []
    for seed in range(12):
        once, again = (step(image, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(once, again)
        assert once.shape == image.shape
        assert once.dtype == np.uint8
        seen.append(once.tobytes())
    assert np.array_equal(image, before)
    assert len(set(seen)) > 3


@pytest.mark.parametrize("step", [camera.resampled, camera.blurred])
def test_reduction_and_blur_take_detail(step: Callable[..., np.ndarray]) -> None:
    image = textured()
    kept = [detail(step(image, np.random.default_rng(seed))) / detail(image) for seed in range(30)]
    assert np.median(kept) < 0.7


@pytest.mark.parametrize("step", [camera.sharpened, camera.noisy])
def test_sharpening_and_noise_add_some(step: Callable[..., np.ndarray]) -> None:
    image = cv2.GaussianBlur(textured(), (0, 0), 1.0)
    assert all(detail(step(image, np.random.default_rng(seed))) > detail(image) for seed in range(20))


def test_light_leaves_some_pictures_grey_and_moves_brightness_both_ways() -> None:
    image = textured()
    found = [camera.lit(image, np.random.default_rng(seed)) for seed in range(200)]
    grey = [np.ptp(one.astype(int), axis=2).max() == 0 for one in found]
    assert 0 < np.mean(grey) < 0.4
    shifts = [float(one.mean()) - float(image.mean()) for one in found]
    assert min(shifts) < -15
    assert max(shifts) > 15


def test_files_are_jpeg_and_webp_and_a_second_file_has_its_blocks_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    suffixes: list[str] = []
    real = cv2.imencode

    def spied(suffix: str, *rest: Any) -> Any:
        suffixes.append(suffix)
        return real(suffix, *rest)

    monkeypatch.setattr(cv2, "imencode", spied)
    image = textured()
    for seed in range(30):
        camera.encoded(image, np.random.default_rng(seed))
    assert {*suffixes} == {".jpg", ".webp"}
    monkeypatch.setattr(camera, "encoded", lambda picture, _: picture)
    assert np.array_equal(camera.encoded_twice(image, np.random.default_rng(1)), image)


def test_parts_are_covered_but_never_the_whole() -> None:
    image = np.full((64, 64, 3), 99, np.uint8)
    for seed in range(30):
        hidden = (camera.covered(image, np.random.default_rng(seed)) != image).any(axis=2).mean()
        assert 0 < hidden < 0.45


def test_a_recipe_names_it_and_each_chance_is_kept() -> None:
    image = textured(32)
    never, always = (Augmenter([TransformSpec(name="Camera", arguments={"p": p})], 32) for p in (0.0, 1.0))
    assert np.array_equal(never(image, (1,)), image)
    assert np.array_equal(always(image, (1,)), always(image, (1,)))
    assert len({always(image, (seed,)).tobytes() for seed in range(20)}) > 15


def test_the_chance_of_covering_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    covered: list[int] = []

    def spied(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
        covered.append(1)
        return image

    monkeypatch.setattr(camera, "covered", spied)
    for cover, expected in ((0.0, 0), (1.0, 20)):
        covered.clear()
        transform = camera.Camera(cover=cover)
        for seed in range(20):
            transform.set_random_state(np.random.default_rng(seed), pythons.Random(seed))
            transform(image=textured(32))
        assert len(covered) == expected
