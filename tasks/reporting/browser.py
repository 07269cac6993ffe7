"""The error browser: test faces worth a look, chosen from reports/evaluate/predictions.parquet, with their pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from tasks.evaluation.notable import ALARM, BORDERLINE, MISSED, RANDOM, alarms, missed, notable
from tasks.reporting.failures import read_columns
from tasks.reporting.inputs import Inputs, read_json
from tasks.reporting.pictures import file_uri, thumbnail
from tasks.reporting.report_schemas import LABELS, Shape
from tasks.scoring.crops import stored_crops

KINDS = {
    MISSED: "Missed fakes",
    ALARM: "False alarms",
    BORDERLINE: "Borderline",
    RANDOM: "Random",
}
PER_KIND = 60
SIDE = 128
MOST_MAPS, MOST_MAP_BYTES = 160, 40_000
COLUMNS = ["face_id", "dataset", "shard", "row", "member", "label", "trained_on", "p_fake", "p_trivial", "is_fake"]
COLUMNS += ["verdict", "verdict_reason", "quality", "face_size", "width", "height", "format", "jpeg_quality"]


@dataclass(frozen=True)
class Face:
    """One face of the browser; `number` is its row in predictions.parquet, `map` a data URI or None."""

    number: int
    kinds: tuple[str, ...]
    dataset: str
    member: str
    label: str
    called: str
    p_fake: float
    margin: float
    uri: str
    map: str | None
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Browser:
    """The faces, how many test faces there are of each kind, and what the maps are."""

    faces: tuple[Face, ...]
    totals: dict[str, int]
    datasets: tuple[str, ...]
    explanation: Explanation | None


class Explained(Shape):
    """A face in reports/explain/explain.json."""

    face_id: str
    overlay: str


class Explanation(Shape):
    """reports/explain/explain.json."""

    model_id: str
    method: str
    unit: str = ""
    scale: float | None = None
    faces: tuple[Explained, ...] = ()
    checks: Mapping[str, dict[str, Any]] = Field(default_factory=dict)


def browser(inputs: Inputs, reports: Path) -> Browser | None:
    """Return the browser, or None where there are no predictions or no faces; raises FauxfaceError for damaged ones."""
    path = reports / "evaluate" / "predictions.parquet"
    if inputs.evaluate is None or not path.is_file():
        return None
    rows: pd.DataFrame = read_columns(path, COLUMNS, "evaluate").to_pandas()
    rows["margin"] = (rows["p_fake"] - inputs.evaluate.threshold.value).abs()
    kinds = {kind: set(found) for kind, found in notable(rows, inputs.evaluate.threshold.value, PER_KIND).items()}
    chosen = sorted({number for kind in KINDS for number in kinds[kind]})
    explanation = read_json(reports / "explain" / "explain.json", Explanation, "explain")
    maps = _maps(explanation, rows.loc[chosen, "face_id"], reports / "explain")
    pictures = _pictures(rows.loc[chosen], inputs.data / "faces")
    members = {name: tuple(kind for kind in KINDS if name in kinds[kind]) for name in chosen}
    faces = [
        _face(number, rows.loc[number].to_dict(), members[number], picture, maps)
        for number, picture in zip(chosen, pictures, strict=True)
    ]
    faces = _in_turn(faces)
    totals = {"missed": missed(rows).sum(), "alarm": alarms(rows).sum(), "random": len(rows)}
    return Browser(
        tuple(faces), {kind: int(total) for kind, total in totals.items()}, tuple(rows["dataset"].unique()), explanation
    )


def _in_turn(faces: Sequence[Face]) -> list[Face]:
    """Return the faces so that the first ones are of every kind: the worst of each, the second worst, and so on."""
    ordered = sorted(faces, key=lambda face: face.margin if face.kinds[0] == "borderline" else -face.margin)
    ranks: Counter[str] = Counter()
    placed = []
    for face in ordered:
        placed.append((ranks[face.kinds[0]], list(KINDS).index(face.kinds[0]), face))
        ranks[face.kinds[0]] += 1
    return [face for *_, face in sorted(placed, key=lambda each: each[:2])]


def _pictures(rows: pd.DataFrame, faces: Path) -> list[str]:
    """Return a data URI of each row's crop."""
    found = {
        place: thumbnail(crop, SIDE)
        for places, crops in stored_crops(rows, faces)
        for place, crop in zip(places, crops, strict=True)
    }
    return [found[place] for place in range(len(rows))]


def _maps(explanation: Explanation | None, wanted: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the overlays of wanted faces as data URIs, without those that are missing, large or outside the folder."""
    overlays = {face.face_id: folder / face.overlay for face in explanation.faces} if explanation else {}
    found: dict[str, str] = {}
    for face_id in wanted:
        path = overlays.get(face_id)
        inside = path is not None and path.resolve().is_relative_to(folder.resolve()) and path.is_file()
        if path is not None and inside and path.stat().st_size <= MOST_MAP_BYTES and len(found) < MOST_MAPS:
            found[face_id] = file_uri(path)
    return found


def _face(number: int, row: dict[Any, Any], kinds: tuple[str, ...], uri: str, maps: dict[str, str]) -> Face:
    return Face(
        number=number,
        kinds=kinds,
        dataset=row["dataset"],
        member=str(row["member"] or ""),
        label=LABELS[row["label"]],
        called="fake" if row["is_fake"] else "real",
        p_fake=float(row["p_fake"]),
        margin=float(row["margin"]),
        uri=uri,
        map=maps.get(row["face_id"]),
        facts=tuple(_facts(row)),
    )


def _facts(row: dict[Any, Any]) -> Iterable[tuple[str, str]]:
    reason = f" ({row['verdict_reason']})" if isinstance(row["verdict_reason"], str) else ""
    yield "Verdict", f"{row['verdict']}{reason}"
    yield "By file facts alone", f"p_fake {row['p_trivial']:.3f}"
    if pd.notna(row["width"]):
        quality = f", quality {row['jpeg_quality']:.0f}" if pd.notna(row["jpeg_quality"]) else ""
        yield "Image", f"{row['width']:.0f} × {row['height']:.0f} {row['format']}{quality}"
    if pd.notna(row["face_size"]):
        yield "Face", f"{row['face_size']:.0f} px"
    if pd.notna(row["quality"]):
        yield "Face quality", f"{row['quality']:.2f}"
    yield "Seen in training", "other faces of this data set" if row["trained_on"] else "nothing of this data set"
