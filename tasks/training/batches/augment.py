"""Augmentation with albumentations, from the recipe, with a random state of its own for every face and epoch."""

from __future__ import annotations

import copy
import random
import threading
import warnings
from collections.abc import Sequence

import albumentations
import cv2
import numpy as np
from albumentations.augmentations.crops.transforms import CropSizeError
from numpy.typing import NDArray

from tasks.params import FauxfaceError
from tasks.training.batches.blend import self_blended
from tasks.training.batches.camera import Camera
from tasks.training.batches.equalise import Equalisation, equalise
from tasks.training.batches.jpeg import Jpeg
from tasks.training.batches.randaugment import RandAugment
from tasks.training.recipe.recipes import TransformSpec

# Transforms that a recipe may name beside those of albumentations.
OWN = {"Camera": Camera, "Jpeg": Jpeg, "RandAugment": RandAugment}
BLENDING = 2  # a stream of random numbers of its own
# What albumentations raises for bad arguments, and when a transform needs more than a picture of a face's size.
UNFIT = (CropSizeError, ValueError, TypeError, KeyError, NotImplementedError, cv2.error)


class Augmenter:
    """The transforms of a recipe; what becomes of a face depends on its seed alone, whichever thread does it.

    With an `equalisation`, every face goes through that first; of real ones, the share `blended` becomes fakes before.
    """

    def __init__(
        self,
        specs: Sequence[TransformSpec],
        size: int,
        equalisation: Equalisation | None = None,
        blended: float = 0.0,
    ) -> None:
        self._equalisation = equalisation
        self._blended = blended
        # Built once: how albumentations reports a bad argument (see build_transform) is no matter for threads.
        self._built = albumentations.Compose([build_transform(spec) for spec in specs])
        self._threads = threading.local()
        probe = self(np.full((size, size, 3), 128, np.uint8), (0,))
        if probe.shape != (size, size, 3) or probe.dtype != np.uint8:
            raise FauxfaceError(
                f"augmentation: gives {probe.shape} {probe.dtype}, the network needs ({size}, {size}, 3) uint8."
            )

    def __call__(self, image: NDArray[np.uint8], seed: Sequence[int]) -> NDArray[np.uint8]:
        """Return the augmented image, (size, size, 3) uint8; equal seeds give equal images.

        Raises FauxfaceError for a transform that such an image cannot go through.
        """
        pipeline = self._pipeline()
        state = np.random.default_rng(seed)
        if self._equalisation is not None:
            image = equalise(image, self._equalisation, state)
        pipeline.set_random_state(state, random.Random(int(state.integers(2**63))))  # noqa: S311
        try:
            return np.asarray(pipeline(image=image)["image"])
        except UNFIT as error:
            raise FauxfaceError(f"augmentation: a transform does not take a face: {_said(error)}") from None

    def labelled(self, image: NDArray[np.uint8], label: float, seed: Sequence[int]) -> tuple[NDArray[np.uint8], float]:
        """Return the augmented image and its label, which is 1 if a real face (0) was blended into itself."""
        random = np.random.default_rng((BLENDING, *seed))
        if label == 0 and random.random() < self._blended:
            image, label = self_blended(image, random), 1.0
        return self(image, seed), label

    def _pipeline(self) -> albumentations.Compose:
        """Return this thread's own pipeline: albumentations keeps random state inside its transforms."""
        pipeline = getattr(self._threads, "pipeline", None)
        if pipeline is None:
            pipeline = copy.deepcopy(self._built)
            self._threads.pipeline = pipeline
        return pipeline


def build_transform(spec: TransformSpec) -> albumentations.BasicTransform | albumentations.BaseCompose:
    """Return the transform that a recipe names; raises FauxfaceError for a name or argument that it does not have.

    Not for several threads at once: warnings become errors meanwhile, and Python's filters are the whole process's.
    """
    kind = OWN.get(spec.name) or getattr(albumentations, spec.name, None)
    if not (isinstance(kind, type) and issubclass(kind, albumentations.BasicTransform | albumentations.BaseCompose)):
        raise FauxfaceError(f"augmentation: {spec.name!r} is no transform of albumentations, nor of ours.")
    inner = {"transforms": [build_transform(one) for one in spec.transforms]} if spec.transforms else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # albumentations only warns about an argument that it does not know
            return kind(**inner, **spec.arguments)
    except (*UNFIT, UserWarning) as error:
        raise FauxfaceError(f"augmentation: {spec.name}: {_said(error)}") from None


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
