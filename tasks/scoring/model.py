"""The model of a scoring: named by where it lies and what it is, loaded once by every process that scores with it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tasks.params import FauxfaceError
from tasks.params.models import Precision
from tasks.scoring.card import CARD, ModelCard, load_card, read_card
from tasks.scoring.classifier import Classifier
from tasks.scoring.folder import Folder

_loading = threading.Lock()


@dataclass(frozen=True)
class ModelPlace:
    """Where a process finds the model, a path or URL, and the id that it must have; a job carries this, no network."""

    url: str
    model_id: str

    @classmethod
    def of(cls, url: str, card: ModelCard) -> ModelPlace:
        """Return the place of the model in the folder `url`, named so that it holds in any working directory."""
        folder = Folder(url)
        return cls(folder.path if folder.local else url, card.model_id)


def card_at(url: str) -> ModelCard:
    """Return the card of the model in the folder `url`, a path or URL, after checking all files against it.

    Raises FauxfaceError when there is no model, or a file of it is not what the card says.
    """
    with model_on_disk(url) as folder:
        return load_card(folder)


def load_model(url: str, precision: Precision = "f32") -> Classifier:
    """Return the model in the folder `url`, a path or URL, verified, on all CPU threads; raises FauxfaceError."""
    with model_on_disk(url) as folder:
        return Classifier.load(folder, precision=precision)


def shared_classifier(place: ModelPlace, threads: int, precision: Precision = "f32") -> Classifier:
    """Return this process's copy of a model on `threads` CPU threads, verified and loaded at the first call.

    Raises FauxfaceError when it is not there, damaged, or another one by now.
    """
    with _loading:
        return _load(place, threads, precision)


@lru_cache(maxsize=2)
def _load(place: ModelPlace, threads: int, precision: Precision) -> Classifier:
    with model_on_disk(place.url) as folder:
        classifier = Classifier.load(folder, threads, precision)
    if (found := classifier.card.model_id) != place.model_id:
        raise FauxfaceError(
            f"{place.url}: holds model {found} now, this scoring began with {place.model_id}. Start it again, and let "
            "the folder be while it runs."
        )
    return classifier


@contextmanager
def model_on_disk(url: str) -> Iterator[Path]:
    """Yield a model's folder, or a copy of it that is gone afterwards."""
    source = Folder(url)
    if source.local:
        yield Path(source.path if "://" in url else url)
        return
    with tempfile.TemporaryDirectory(prefix="fauxface-model-") as folder:
        _copy(source, CARD, Path(folder))
        for name in read_card(Path(folder)).file_names():
            _copy(source, name, Path(folder))
        yield Path(folder)


def _copy(source: Folder, name: str, folder: Path) -> None:
    data = source.read(name)
    if data is None:
        raise FauxfaceError(f"{source.url}: holds no model ({name} is missing). Copy the folder of a model there.")
    Path(folder, name).write_bytes(data)
