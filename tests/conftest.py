"""What all tests share: where the real images are, and the surroundings of Keras."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tasks.training.fitting.backend import set_surroundings
from tests.faults.table import lines

PROJECT = Path(__file__).resolve().parent.parent

# Before any test module imports Keras, else what is trained here is not what `fauxface train` trains.
set_surroundings()

# Neither a busy machine nor chance fails a test: no limit on an example's time, and the same examples in every run.
settings.register_profile("fauxface", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fauxface")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of faults, where the run injected any."""
    found = lines(report for reports in terminalreporter.stats.values() for report in reports)
    if found:
        terminalreporter.section("faults")
        for line in found:
            terminalreporter.write_line(line)


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


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections and that nobody else can open meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
