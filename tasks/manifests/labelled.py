"""The faces of all data sets with what the rules of params.yaml say of them, and how many the rules fit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.manifests.labelling import Labeller, Labels, Picture
from tasks.manifests.reading import require_reading
from tasks.manifests.schemas import LABELS
from tasks.manifests.shards import AGAIN, read_faces
from tasks.manifests.tables import KeptTables
from tasks.params import DatasetParams, FauxfaceError
from tasks.sources.status import Status

_COLUMNS = ("face_id", "image_id", "member", "phash")
# Inputs with these statuses are no pictures, so no line of a table can mean them.
_NO_PICTURES = {Status.METADATA, Status.SYSTEM_FILE, Status.NOT_AN_IMAGE, Status.NOT_A_FILE, Status.EMPTY_FILE}
_SHOWN = 3
_Json = dict[str, Any]


@dataclass(frozen=True)
class LabelledFaces:
    """The faces of all data sets that have a label, with their place, LABELS and the counts of the others.

    `counts` says of each data set, by name: `faces`, `labelled`, `unlabelled`, and of the unlabelled the commonest
    `reasons`, three `images`, three names that the rule knows (`listed`) and the `likely` reason. `local_files` are the
    tables that lie beside the dumps.
    """

    faces: pa.Table
    counts: dict[str, _Json]
    local_files: list[Path]


def label_faces(faces_root: Path, datasets: Sequence[DatasetParams]) -> LabelledFaces:
    """Return the faces in `faces_root`/<name> of all data sets, those without a label left out and counted.

    Raises FauxfaceError when faces are missing, a table cannot be used, none of a data set's faces has a label, or one
    has none where `strict_labels` is set.
    """
    parts, counts, files = [], {}, []
    for dataset in datasets:
        labelled, counts[dataset.name], local = _of_dataset(faces_root, dataset)
        parts.append(labelled)
        files += local
    return LabelledFaces(pa.concat_tables(parts), counts, files)


def _of_dataset(faces_root: Path, dataset: DatasetParams) -> tuple[pa.Table, _Json, list[Path]]:
    folder = faces_root / dataset.name
    faces = read_faces(faces_root, [dataset.name], _COLUMNS)
    require_reading(folder / "images.parquet", dataset)
    keys, pictures = _pictures(folder / "images.parquet")
    labeller = Labeller(dataset, KeptTables(folder), pictures)
    images = {key: labeller.of(picture) for key, picture in zip(keys, pictures, strict=True)}
    found = [images[key] for key in zip(faces["member"].to_pylist(), faces["image_id"].to_pylist(), strict=True)]
    counts = _counts(found, faces["member"].to_pylist(), labeller)
    _require_labels(counts, dataset)
    columns = [pa.array([getattr(labels, field.name) for labels in found], field.type) for field in LABELS]
    labelled = pa.table([*faces.columns, *columns], schema=pa.schema([*faces.schema, *LABELS]))
    return (
        labelled.filter(pa.array([labels.label is not None for labels in found], pa.bool_())),
        counts,
        (labeller.local_files),
    )


def _pictures(images: Path) -> tuple[list[tuple[str, str | None]], list[Picture]]:
    """Return the inputs that may be pictures: what tells a face's image (path, image_id), and what rules look at."""
    try:
        if "annotations" not in pq.read_schema(images).names:
            raise FauxfaceError(f"{images}: is of an older version. {AGAIN}")
        rows = pq.read_table(images, columns=["member", "image_id", "status", "annotations"]).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise FauxfaceError(f"{images}: cannot be read ({error}). {AGAIN}") from None
    kept = [row for row in rows if row["status"] not in _NO_PICTURES]
    keys = [(row["member"], row["image_id"]) for row in kept]
    said = [json.loads(row["annotations"]) if row["annotations"] else None for row in kept]
    return keys, [Picture(row["member"], annotations) for row, annotations in zip(kept, said, strict=True)]


def _counts(found: Sequence[Labels], members: Sequence[str], labeller: Labeller) -> _Json:
    reasons = Counter(labels.reason for labels in found if labels.label is None)
    counts: _Json = {"faces": len(found), "labelled": len(found) - reasons.total(), "unlabelled": reasons.total()}
    if not reasons:
        return counts
    without = [member for member, labels in zip(members, found, strict=True) if labels.label is None]
    return counts | {
        "reasons": dict(reasons.most_common(_SHOWN)),
        "images": without[:_SHOWN],
        "listed": labeller.listed(),
        "likely": labeller.likely_reason(without),
    }


def _require_labels(counts: _Json, dataset: DatasetParams) -> None:
    if not counts["unlabelled"] or (counts["labelled"] and not dataset.strict_labels):
        return
    asked = " Correct the rules in params.yaml"
    asked += ", or drop strict_labels to leave such faces out." if counts["labelled"] else "."
    raise FauxfaceError(f"split: {unlabelled_text(dataset.name, counts)}{asked}")


def unlabelled_text(dataset: str, counts: _Json) -> str:
    """Say in a few sentences how many faces of a data set have a label, and why the others have none."""
    shares = f"data set {dataset}: {counts['labelled']:,} of {counts['faces']:,} faces have a label"
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in counts["reasons"].items())
    names = f"Images without: {_names(counts['images'])}. The rule knows: {_names(counts['listed'])}."
    likely = f" Likely: {counts['likely']}." if counts["likely"] else ""
    return f"{shares}; {reasons}. {names}{likely}"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
