"""The surroundings of Keras: set before it is first imported, whichever backend KERAS_BACKEND chooses."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

# A user's own setting of any of these wins.
SURROUNDINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "2",  # no remarks about CPU features
    "TF_DETERMINISTIC_OPS": "1",  # equal sums in equal order: the same seed gives the same weights
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # the same for PyTorch on a GPU
    "NO_ALBUMENTATIONS_UPDATE": "1",  # nothing asks a server for newer versions
}
RECORDED = (
    "fauxface",
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "numpy",
    "albumentations",
    "opencv-python-headless",
    "openvino",
)


def prepare_backend() -> None:
    """Set the environment and import Keras, without the remarks that TensorFlow writes while it is loaded."""
    for name, value in SURROUNDINGS.items():
        os.environ.setdefault(name, value)
    if "keras" not in sys.modules:
        with _silent_stderr():
            keras = importlib.import_module("keras")
            keras.ops.zeros(1)  # looks for devices, which TensorFlow comments on too


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide what a training computes."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def device() -> str:
    """Return the Keras backend and the kind of device that it computes on, such as `tensorflow cpu`."""
    import keras

    place = str(keras.ops.zeros(1).device).lower()
    kind = next((kind for kind in ("cuda", "gpu", "tpu", "mps") if kind in place), "cpu")
    return f"{keras.backend.backend()} {kind}"


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep what is written to file descriptor 2, by C++ code as well, and show it only if the block fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
