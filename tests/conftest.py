"""What all tests share: where the real images are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images (FAUXFACE_DATA, else ../shared/data); tests that use it fail without it."""
    folder = Path(os.environ.get("FAUXFACE_DATA") or PROJECT.parent / "shared" / "data")
    if not (folder / "faces").is_dir():
        pytest.fail(f"no real images at {folder}: set FAUXFACE_DATA to the folder that holds faces/ and scenes/")
    return folder
