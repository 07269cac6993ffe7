"""How a dump was read when its faces were cropped: settings beside `source` that change what its members are called."""

from __future__ import annotations

import json
from pathlib import Path

from tasks.manifests.parts import part_notes
from tasks.params import DatasetParams, FauxfaceError

# The note in the footer of images.parquet.
READING = "reading"


def reading(dataset: DatasetParams) -> str:
    """Return the settings that decide what the members of a dump are, as JSON."""
    facts = dataset.model_dump(mode="json", include={"source", "encoding"})
    return json.dumps(facts, sort_keys=True, ensure_ascii=False)


def require_reading(images: Path, dataset: DatasetParams) -> None:
    """Raise FauxfaceError where a data set was cropped from another source, or with its names read otherwise.

    DVC runs the crop stage again when `source` changes; it cannot depend on a key that most data sets do not have.
    """
    made = (part_notes(images) or {}).get(READING)
    if made is not None and made != reading(dataset):
        raise FauxfaceError(
            f"{images}: was made with {made}, and params.yaml now says {reading(dataset)}. "
            f"Crop the data set again: `dvc repro --force --single-item crop@{dataset.name}`, then `dvc repro`."
        )
