"""Tell camera photographs of faces from generated or manipulated ones: what a program may import.

>>> import fauxface
>>> detector = fauxface.FaceDetector()

Nothing is imported before it is used. The pipeline itself is run by the command `fauxface`; docs/reference/api.md has
examples. `fauxface/reference/` holds the model for those who have not trained one yet.
"""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fauxface.api import FacePrediction, Model, Prediction, explain, faces, load_model, read_scores, score
    from tasks.detection.detector import FaceDetector
    from tasks.params.errors import FauxfaceError
    from tasks.sources import open_source

    __version__: str

_API = "fauxface.api"
_WHERE = {
    "FaceDetector": "tasks.detection.detector",
    "FacePrediction": _API,
    "FauxfaceError": "tasks.params.errors",
    "Model": _API,
    "Prediction": _API,
    "explain": _API,
    "faces": _API,
    "load_model": _API,
    "open_source": "tasks.sources",
    "read_scores": _API,
    "score": _API,
}

__all__ = [
    "FaceDetector",
    "FacePrediction",
    "FauxfaceError",
    "Model",
    "Prediction",
    "__version__",
    "explain",
    "faces",
    "load_model",
    "open_source",
    "read_scores",
    "score",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, once."""
    if name == "__version__":
        found: Any = importlib.import_module("importlib.metadata").version("fauxface")
    elif name in _WHERE:
        _refuse_strangers()
        found = getattr(importlib.import_module(_WHERE[name]), name)
    else:
        raise AttributeError(f"module 'fauxface' has no attribute {name!r}")
    globals()[name] = found
    return found


def _refuse_strangers() -> None:
    """Raise ImportError where a module of the program's own stands in the way of one of our packages."""
    ours = pathlib.Path(__file__).resolve().parents[1]
    for name in ("tasks", "flows"):
        spec = importlib.util.find_spec(name)
        place = spec and (spec.origin or next(iter(spec.submodule_search_locations or ()), None))
        if place and not pathlib.Path(place).resolve().is_relative_to(ours / name):
            raise ImportError(
                f"{place} is found where fauxface looks for its own package {name!r}. Call it something else, or move "
                "it into a package of your own."
            )


def __dir__() -> list[str]:
    """Return what there is, imported or not."""
    return sorted(__all__)
