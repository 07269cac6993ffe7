"""The weights of P-Net, R-Net and O-Net, taken from the installed `mtcnn` package and from nowhere else.

The files are pickles, so each is read whole, its SHA-256 compared with the one written here, and only then unpickled.
The package itself is never imported (that would import TensorFlow), and unlike the package this looks up nothing in the
working directory, where a planted `pnet.lz4` would run code.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path
from typing import Literal

import joblib  # noqa: TID251 - of three files whose SHA-256 is known
import numpy as np
from numpy.typing import NDArray

from tasks.params import FauxfaceError

Network = Literal["pnet", "rnet", "onet"]

# Of the files in mtcnn 1.0.0.
SHA256: dict[Network, str] = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
_REMEDY = "Install the locked version: pip install mtcnn==1.0.0"


def load_weights(network: Network) -> list[NDArray[np.float32]]:
    """Return the network's arrays in the order of its Keras layers (kernels are height, width, in, out).

    Raises FauxfaceError when the package is missing or the file is not the one that is known.
    """
    path = weights_folder() / f"{network}.lz4"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FauxfaceError(f"{path}: the detector's weights cannot be read ({error.strerror}). {_REMEDY}") from None
    if hashlib.sha256(content).hexdigest() != SHA256[network]:
        raise FauxfaceError(f"{path}: is not the weights file of mtcnn 1.0.0 and was not opened. {_REMEDY}")
    arrays: list[NDArray[np.float32]] = joblib.load(io.BytesIO(content))
    return arrays


def weights_folder() -> Path:
    """Return the folder of the weights inside the installed package, without importing it; raises FauxfaceError."""
    spec = importlib.util.find_spec("mtcnn")
    if spec is None or not spec.submodule_search_locations:
        raise FauxfaceError(f"The package mtcnn, which brings the face detector's weights, is missing. {_REMEDY}")
    return Path(spec.submodule_search_locations[0]).resolve() / "assets" / "weights"
