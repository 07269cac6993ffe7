"""Example faces of the test split, as the pixels that the model saw: rightly called ones, and the worst errors."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.imaging.encode import encode_png
from tasks.imaging.resize import resize_to
from tasks.reporting.inputs import Inputs
from tasks.reporting.shapes import LABELS, Judged
from tasks.scoring.crops import by_shard, decode_crop, read_manifest, read_shard

RIGHT_SHOWN = 6  # of each class
WRONG_SHOWN = 8
# A crop of 128 x 128 RGB is at most this large as PNG; larger ones are shown at that size: the page stays small.
MAX_BYTES = 50_000
SHOWN_SIDE = 128
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Example:
    """One face: a data URI of its crop, where it is from, what it is, and what the model made of it."""

    uri: str
    dataset: str
    member: str
    label: str
    called: str
    p_fake: float | None


@dataclass(frozen=True)
class Gallery:
    """Examples of one kind."""

    title: str
    note: str
    examples: tuple[Example, ...]


def galleries(inputs: Inputs) -> list[Gallery]:
    """Return the worst errors and some rightly called faces; empty before the evaluation or without the manifests."""
    path = inputs.data / "manifests" / "test.parquet"
    if inputs.evaluate is None or not path.is_file():
        return []
    rows = read_manifest(path)
    errors, faces = inputs.evaluate.errors, inputs.data / "faces"
    kinds = (("real_as_fake", "Real faces called fake", "fake"), ("fake_as_real", "Fake faces called real", "real"))
    wrong = [
        _gallery(
            title, "The most confident errors first.", _named(rows, errors.get(kind, [])[:WRONG_SHOWN]), called, faces
        )
        for kind, title, called in kinds
    ]
    right = [
        _gallery(title, "Spread evenly over the test faces of the data sets trained on.", chosen, label, faces)
        for label, title in (("real", "Real faces called real"), ("fake", "Fake faces called fake"))
        for chosen in [_rightly_called(rows, inputs, label)]
    ]
    return [gallery for gallery in (*wrong, *right) if gallery.examples]


def _named(rows: pd.DataFrame, judged: Sequence[Judged]) -> pd.DataFrame:
    """Return the manifest's rows of the faces that the evaluation names, in its order, with their p_fake."""
    wanted = pd.DataFrame([face.model_dump() for face in judged], columns=["face_id", "dataset", "p_fake"])
    once = rows.drop_duplicates(["dataset", "face_id"])
    return wanted.merge(once, on=["dataset", "face_id"], how="inner").reset_index(drop=True)


def _rightly_called(rows: pd.DataFrame, inputs: Inputs, label: str) -> pd.DataFrame:
    """Return some rows that were called what they are.

    reports/evaluate/confusion.csv has a row for each test face of the data sets trained on, in the manifest's order.
    """
    verdicts, evaluation = inputs.plots.get("confusion"), inputs.evaluate
    if verdicts is None or evaluation is None:
        return rows.head(0)
    if evaluation.in_domain is not None:
        rows = rows[rows["dataset"].isin([name for name, _ in evaluation.of_training(True)])]
    actual = rows["label"].map(dict(enumerate(LABELS))).tolist()
    if actual != verdicts["actual"].tolist():  # of another split than these manifests
        return rows.head(0)
    right = rows[((verdicts["actual"] == label) & (verdicts["predicted"] == label)).to_numpy()]
    spread = np.linspace(0, len(right) - 1, min(RIGHT_SHOWN, len(right))).round().astype(int)
    return right.iloc[spread].reset_index(drop=True)


def _gallery(title: str, note: str, rows: pd.DataFrame, called: str, faces: Path) -> Gallery:
    crops = _crops(rows, faces)
    scores = rows["p_fake"].tolist() if "p_fake" in rows else [None] * len(rows)
    facts = zip(rows["dataset"], rows["label"], scores, strict=True)
    examples = [
        Example(uri, str(dataset), member, LABELS[label], called, p_fake)
        for (member, uri), (dataset, label, p_fake) in zip(crops, facts, strict=True)
    ]
    return Gallery(title, note, tuple(examples))


def _crops(rows: pd.DataFrame, faces: Path) -> list[tuple[str, str]]:
    """Return member and data URI of each row's crop; each shard is read once."""
    found: dict[int, tuple[str, str]] = {}
    for (dataset, shard), positions in by_shard(rows) if len(rows) else ():
        part = rows.iloc[positions]
        table = read_shard(faces, dataset, shard, part["row"].tolist(), part["face_id"].tolist(), ["member", "image"])
        for position, crop in zip(positions.tolist(), table.to_pylist(), strict=True):
            where = f"{faces / dataset}, shard {shard}, {crop['member']}"
            found[position] = (crop["member"], data_uri(crop["image"]["bytes"], where))
    return [found[position] for position in range(len(rows))]


def data_uri(png: bytes, where: str) -> str:
    """Return a stored crop as a data URI: the very bytes, or when those are many the picture at SHOWN_SIDE.

    Raises FauxfaceError naming `where` when it is no image.
    """
    if len(png) > MAX_BYTES or not png.startswith(PNG):
        png = encode_png(resize_to(decode_crop(png, where), SHOWN_SIDE))
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
