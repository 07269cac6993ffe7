"""What happens to pictures on their way, applied to a crop before the crop's own encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.encode import encoded_again

Pixels = NDArray[np.uint8]

SHIFT = 8  # pixels
TURN = 5.0  # degrees
SCREEN = 0.83  # what a picture is scaled by on a screen that shows it smaller, of which a screenshot is taken


@dataclass(frozen=True)
class Perturbation:
    """One of them: `kind` and `level` in words, and what it makes of a crop (side, side, 3) RGB, of the same size."""

    kind: str
    level: str
    apply: Callable[[Pixels], Pixels]

    @property
    def name(self) -> str:
        """Both, as a sentence has them."""
        return f"{self.kind} {self.level}".strip()


def jpeg(crop: Pixels, quality: int) -> Pixels:
    """Return what a JPEG file of this quality keeps."""
    return encoded_again(crop, quality)


def blur(crop: Pixels, sigma: float) -> Pixels:
    """Return the crop blurred by a Gaussian of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8)


def reduce(crop: Pixels, factor: float) -> Pixels:
    """Return the crop made smaller by averaging, and as large as before by interpolation."""
    side = crop.shape[0]
    small = max(1, round(side * factor))
    less = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(less, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def noise(crop: Pixels, sigma: float) -> Pixels:
    """Return the crop with Gaussian noise of `sigma` grey levels, the same for the same crop."""
    rng = np.random.default_rng(int(crop.sum(dtype=np.int64)))
    return _bytes(crop + rng.normal(0, sigma, crop.shape))


def lighten(crop: Pixels, factor: float) -> Pixels:
    """Return the crop `factor` times as bright."""
    return _bytes(crop * factor)


def contrast(crop: Pixels, factor: float) -> Pixels:
    """Return the crop with differences from its mean `factor` times as large."""
    mean = crop.mean()
    return _bytes((crop - mean) * factor + mean)


def grey(crop: Pixels) -> Pixels:
    """Return the crop without colours."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def shift(crop: Pixels) -> Pixels:
    """Return the crop moved by SHIFT pixels to the right and down, as by another detector; the border is mirrored."""
    return _warped(crop, np.array([[1, 0, SHIFT], [0, 1, SHIFT]], np.float64))


def turn(crop: Pixels) -> Pixels:
    """Return the crop turned by TURN degrees about its middle; the border is mirrored."""
    middle = (crop.shape[1] - 1) / 2
    return _warped(crop, np.asarray(cv2.getRotationMatrix2D((middle, middle), TURN, 1.0), np.float64))


def screenshot(crop: Pixels) -> Pixels:
    """Return the crop as a screenshot has it: scaled to SCREEN and back, without the loss of a JPEG file."""
    side = crop.shape[0]
    shown = cv2.resize(crop, (round(side * SCREEN),) * 2, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(shown, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def shared(crop: Pixels) -> Pixels:
    """Return the crop at half its size and JPEG quality 75, as a messenger sends it."""
    return jpeg(reduce(crop, 0.5), 75)


PERTURBATIONS: tuple[Perturbation, ...] = (
    *(Perturbation("JPEG", str(quality), partial(jpeg, quality=quality)) for quality in (95, 85, 75, 50, 30)),
    *(Perturbation("blur", f"σ {sigma}", partial(blur, sigma=float(sigma))) for sigma in (1, 2, 3)),
    *(Perturbation("reduced to", name, partial(reduce, factor=factor)) for name, factor in
      (("¾", 0.75), ("½", 0.5), ("¼", 0.25))),
    Perturbation("noise", "σ 8", partial(noise, sigma=8.0)),
    Perturbation("brightness", "× 0.6", partial(lighten, factor=0.6)),
    Perturbation("brightness", "× 1.4", partial(lighten, factor=1.4)),
    Perturbation("contrast", "× 0.6", partial(contrast, factor=0.6)),
    Perturbation("contrast", "× 1.4", partial(contrast, factor=1.4)),
    Perturbation("grey", "", grey),
    Perturbation("shifted by", f"{SHIFT} px", shift),
    Perturbation("turned by", f"{TURN:g}°", turn),
    Perturbation("screenshot", "", screenshot),
    Perturbation("reduced to ½ and JPEG", "75", shared),
)  # fmt: skip


def _warped(crop: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    size = (crop.shape[1], crop.shape[0])
    return np.asarray(cv2.warpAffine(crop, matrix, size, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def _bytes(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
