"""Which names of folders, tables and columns tell photographs from fakes, or name who belongs together."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.manifests.words import FAKE, REAL, folded

_REAL = frozenset(
    (
        "real", "reals", "photo", "photos", "photograph", "photographs", "photography", "original",
        "originals", "authentic", "genuine", "pristine", "nature", "natural", "camera", "bonafide",
    )
)  # fmt: skip
_FAKE = frozenset(
    (
        "fake", "fakes", "generated", "synthetic", "synthesized", "artificial", "ai", "aigc", "gan", "gans",
        "diffusion", "manipulated", "tampered", "altered", "swap", "swaps", "swapped", "faceswap",
        "deepfake", "deepfakes", "forged", "spoof", "stylegan", "stylegan2", "stylegan3", "pggan", "progan",
        "biggan", "stargan", "midjourney", "dalle", "sdxl", "glide", "ddpm", "flux",
    )
)  # fmt: skip
LABEL_COLUMNS = ("label", "labels", "class", "target", "y", "is_fake", "fake", "is_real", "real", "category", "type")
GROUP_COLUMNS = (
    "group", "person", "person_id", "identity", "identity_id", "subject", "subject_id", "celebrity", "video",
    "video_id", "source_video", "clip", "clip_id", "original", "id",
)  # fmt: skip
FILE_COLUMNS = ("file", "file_name", "filename", "path", "filepath", "file_path", "image", "image_path", "img", "name",
                "member")  # fmt: skip


def meaning(name: str) -> int | None:
    """Return the label that a name stands for by its words, 1 fake or 0 real; None where it tells neither, or both."""
    words = set(re.split(r"[^a-z0-9]+", folded(name)))
    real, fake = bool(words & _REAL), bool(words & _FAKE)
    return None if real == fake else FAKE if fake else REAL


def meanings(names: Iterable[str]) -> dict[int, list[str]]:
    """Return the names that stand for a label, by label, each once and sorted."""
    found: dict[int, set[str]] = {REAL: set(), FAKE: set()}
    for name in names:
        label = meaning(name)
        if label is not None:
            found[label].add(name)
    return {label: sorted(words) for label, words in found.items()}
