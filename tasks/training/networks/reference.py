"""Where the reference model lies in the package."""

from __future__ import annotations

from pathlib import Path

from tasks.params import FauxfaceError
from tasks.scoring.card import PACKAGED, REFERENCE

__all__ = ["PACKAGED", "REFERENCE", "WEIGHTS_FILE", "packaged_weights"]

WEIGHTS_FILE = "weights.safetensors"  # what a training begins with


def packaged_weights() -> Path:
    """Return the file of its weights; raises FauxfaceError when this installation has none."""
    path = PACKAGED / WEIGHTS_FILE
    if not path.is_file():
        raise FauxfaceError(
            f"{path}: this installation has no reference model. Install fauxface from its repository, or begin with "
            "`weights: imagenet`."
        )
    return path
