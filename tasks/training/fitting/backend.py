"""The surroundings of Keras: set before it is first imported, whichever backend KERAS_BACKEND chooses."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

# A user's own setting of any of these wins.
SURROUNDINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "2",  # no remarks about CPU features
    "TF_DETERMINISTIC_OPS": "1",  # equal sums in equal order: the same seed gives the same weights
    # oneDNN's layers without AVX-512 too, where TensorFlow 2.21 leaves them out: `cnn3` trains twice as fast
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # the same for PyTorch on a GPU
    "NVIDIA_TF32_OVERRIDE": "0",  # f32 is f32 on a GPU too: the scorer is compared with it to a ten-thousandth
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

Precision = Literal["f32", "bf16"]
BF16_CAPABILITY = 8.0  # of CUDA devices: Ampere, the first with bf16


def set_surroundings() -> None:
    """Set the environment; TensorFlow reads it once, when it is imported."""
    for name, value in SURROUNDINGS.items():
        os.environ.setdefault(name, value)


def prepare_backend() -> None:
    """Set the environment and import Keras, without the remarks that TensorFlow writes while it is loaded."""
    set_surroundings()
    if "keras" not in sys.modules:
        with silent_stderr():
            keras = importlib.import_module("keras")
            keras.ops.zeros(1)  # looks for devices, which TensorFlow comments on too


def choose_precision(asked: Literal["auto", "f32", "bf16"]) -> Precision:
    """Return what to compute in: what was asked for, and for `auto` bf16 on accelerators that have it.

    A CPU stays with f32, which trains faster there even where it has instructions for bf16.
    """
    if asked != "auto":
        return asked
    kind = device().split()[1]
    return "bf16" if kind == "tpu" or (kind in ("cuda", "gpu") and _gpus_have_bf16()) else "f32"


def _gpus_have_bf16() -> bool:
    """Return whether every NVIDIA GPU computes in bf16; that a driver says it is the same for all three backends."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
        capabilities = [float(line) for line in said.split()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
    return bool(capabilities) and min(capabilities) >= BF16_CAPABILITY


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Build the layers of the block so that they compute in `precision`; their weights are f32 in any case."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bf16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


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
def silent_stderr() -> Iterator[None]:
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
