"""A sheet for each data set: some of its faces, and the sizes and formats of its files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.manifests.schemas import shard_name
from tasks.reporting.failures import read_columns
from tasks.reporting.inputs import Inputs
from tasks.reporting.pictures import mosaic
from tasks.scoring.crops import decode_crop

TILES, ACROSS, SIDE = 24, 12, 72
# Mosaics beyond this many data sets would make the page heavy.
MOST_MOSAICS = 40
_COLUMNS = ["status", "width", "height", "format", "jpeg_quality"]


@dataclass(frozen=True)
class Sheet:
    """One data set: a mosaic of its faces or None, and its facts as (name, text)."""

    name: str
    mosaic: str | None
    faces_shown: int
    facts: tuple[tuple[str, str], ...]


def datasheets(inputs: Inputs) -> list[Sheet]:
    """Return the sheets of the data sets that were cropped; raises FauxfaceError naming a damaged file."""
    return [
        _sheet(name, inputs.data / "faces" / name, number < MOST_MOSAICS)
        for number, name in enumerate(inputs.crops)
        if (inputs.data / "faces" / name / "images.parquet").is_file()
    ]


def _sheet(name: str, folder: Path, pictures: bool) -> Sheet:
    images = read_columns(folder / "images.parquet", _COLUMNS, "crop")
    tiles = _tiles(folder) if pictures else []
    shown = mosaic(tiles, SIDE, min(ACROSS, len(tiles))) if tiles else None
    return Sheet(name, shown, len(tiles), tuple(_facts(images)))


def _tiles(folder: Path) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Return faces spread evenly over the first shard, as RGB."""
    path = folder / shard_name(0)
    if not path.is_file():
        return []
    table = read_columns(path, ["image"], "crop")
    spread = np.unique(np.linspace(0, table.num_rows - 1, min(TILES, table.num_rows)).round().astype(int))
    images = table.column("image").take(pa.array(spread)).to_pylist() if table.num_rows else []
    return [decode_crop(image["bytes"], str(path)) for image in images]


def _facts(images: pa.Table) -> list[tuple[str, str]]:
    read = images.filter(pc.is_valid(images["width"]))
    if not read.num_rows:
        return [("Images", "none could be read")]
    sizes = Counter(zip(read["width"].to_pylist(), read["height"].to_pylist(), strict=True))
    formats = Counter(read["format"].to_pylist())
    facts = [("Formats", _shares({str(name): count for name, count in formats.items()}))]
    facts.append(("Sizes", _shares({f"{width} × {height}": count for (width, height), count in sizes.items()})))
    sides = np.sqrt(read["width"].to_numpy() * read["height"].to_numpy().astype(float))
    low, middle, high = np.percentile(sides, [5, 50, 95])
    facts.append(("Side (root of the area)", f"{middle:,.0f} px; 90 % between {low:,.0f} and {high:,.0f} px"))
    qualities = read["jpeg_quality"].drop_null().to_pylist()
    if qualities:
        facts.append(("JPEG quality", _shares({str(each): qualities.count(each) for each in set(qualities)})))
    return facts


def _shares(counts: dict[str, int], shown: int = 4) -> str:
    """Return the commonest entries with their shares."""
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    parts = [f"{name} ({100 * count / total:.0f} %)" for name, count in ordered[:shown]]
    more = len(ordered) - shown
    return ", ".join(parts) + (f" and {more:,} others" if more > 0 else "")
