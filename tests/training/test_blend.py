from __future__ import annotations

import numpy as np

from tasks.training.batches.augment import Augmenter
from tasks.training.batches.blend import self_blended
from tests.training.test_camera import textured


def test_a_blend_differs_a_little_and_most_within_the_face() -> None:
    image = textured(96)
    inside, outside = [], []
    for seed in range(60):
        blended = self_blended(image, np.random.default_rng(seed))
        assert blended.shape == image.shape
        assert blended.dtype == np.uint8
        moved = np.abs(blended.astype(int) - image).mean(axis=2)
        inside.append(moved[36:60, 36:60].mean())
        outside.append(moved[:8, :8].mean())
    assert 0.5 < np.median(inside) < 40
    # Half of them change the face and leave the rest, half the other way round; in both the two parts differ.
    untouched = np.mean(np.array(outside) == 0)
    assert 0.25 < untouched < 0.75
    assert np.mean(np.abs(np.array(inside) - outside) > 0.5) > 0.8


def test_the_share_of_reals_that_become_fakes_is_as_set_and_fakes_stay() -> None:
    image = textured(32)
    augmenter = Augmenter([], 32, blended=0.25)
    reals = [augmenter.labelled(image, 0.0, (seed,)) for seed in range(400)]
    made = [label for _, label in reals]
    assert 0.18 < np.mean(made) < 0.32
    assert all(np.array_equal(pixels, image) == (label == 0) for pixels, label in reals)
    fakes = [augmenter.labelled(image, 1.0, (seed,)) for seed in range(50)]
    assert all(label == 1 and np.array_equal(pixels, image) for pixels, label in fakes)


def test_without_a_share_nothing_is_blended() -> None:
    image = textured(32)
    assert all(Augmenter([], 32).labelled(image, 0.0, (seed,))[1] == 0 for seed in range(50))
