"""What a run will take: seconds, memory and disk, roughly, from how many pictures there are and how large they are."""

from __future__ import annotations

import os
from dataclasses import dataclass

# Pictures a second and core that are decoded, searched and cropped, by the bytes of a picture's file at most:
# photographs of about 256, 512, 1024 and 4000 pixels (`python -m benchmarks.sizes`).
_RATES = ((40_000, 72.0), (150_000, 63.0), (600_000, 56.0), (float("inf"), 32.0))
# Of the recipe `default`: looks at faces a second and core, and looks that each training face gets.
_LOOKS = 20.0
_LOOKS_A_FACE = 3
_MOST_LOOKS = 12_000
_FEATURES = 46_736
_CROP_BYTES = 105_000  # of a face of 256 x 256 pixels, stored without loss
_COPIES = 2  # in data/faces/ and in DVC's cache, where the file system cannot share them
_BASE = 1.3e9  # bytes of a process with its networks
START = 12.0  # seconds until a stage's packages are loaded
STAGES = 5


@dataclass(frozen=True)
class Estimate:
    """Seconds on this machine, bytes of memory at most, bytes of disk; `known` where the recipe's cost is known."""

    seconds: float
    memory: float
    disk: float
    known: bool


def cropping_seconds(pictures: int, bytes_each: float, measured: float | None = None) -> float:
    """Return how long pictures of this many bytes take; `measured` are pictures a second of an earlier run here."""
    cores = len(os.sched_getaffinity(0))
    return pictures / (measured or next(rate for most, rate in _RATES if bytes_each <= most) * cores)


def estimate(cropping: float, faces: int, trained_on: int, recipe: str) -> Estimate:
    """Return what a run takes that crops for so many seconds, for `faces` faces of which `trained_on` are learnt."""
    cores = len(os.sched_getaffinity(0))
    looks = min(trained_on * _LOOKS_A_FACE, _MOST_LOOKS)
    known = recipe == "default"
    learning = looks / (_LOOKS * cores) if known else 0.0
    features = looks * (4 * _FEATURES + 20 * looks) if known else 0.0
    return Estimate(
        cropping + learning + faces / (_LOOKS * cores) + STAGES * START,
        _BASE + features,
        faces * _CROP_BYTES * _COPIES,
        known,
    )
