"""The faces that a manifest names, read from their shards as pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.imaging.resize import resize_to
from tasks.manifests.schemas import MANIFEST, shard_name
from tasks.params import FauxfaceError

Pixels = NDArray[np.uint8]


def read_manifest(path: Path) -> pd.DataFrame:
    """Return a manifest's rows (schema MANIFEST), in file order; raises FauxfaceError when it is missing or other."""
    try:
        rows: pd.DataFrame = pq.read_table(path, columns=MANIFEST.names).to_pandas()
    except FileNotFoundError:
        raise FauxfaceError(f"{path}: there is no such manifest. Make it with `fauxface split` first.") from None
    except (OSError, pa.ArrowException) as error:
        raise FauxfaceError(f"{path}: is no manifest ({error}). Make it again with `fauxface split`.") from None
    return rows


def read_shard(
    faces: Path, dataset: str, shard: int, rows: Sequence[int], face_ids: Sequence[str], columns: Sequence[str]
) -> pa.Table:
    """Return the chosen rows of one shard with `columns`, after checking that they are the faces meant.

    Raises FauxfaceError when the shard is missing, damaged, or holds other faces than the manifest says.
    """
    path = faces / dataset / shard_name(shard)
    try:
        table = pq.read_table(path, columns=["face_id", *(name for name in columns if name != "face_id")])
    except FileNotFoundError:
        raise FauxfaceError(f"{path}: there is no such shard. Make it with `fauxface crop` or `dvc pull`.") from None
    except (OSError, pa.ArrowException) as error:
        raise FauxfaceError(f"{path}: cannot be read ({error}). Make it again with `fauxface crop`.") from None
    chosen = table.take(pa.array(rows, pa.int64())) if max(rows, default=-1) < table.num_rows else None
    if chosen is None or chosen.column("face_id").to_pylist() != list(face_ids):
        raise FauxfaceError(f"{path}: holds other faces than the manifest names. Run `fauxface split` again.")
    return chosen


def read_crops(
    faces: Path, dataset: str, shard: int, rows: Sequence[int], face_ids: Sequence[str], size: int, pool: Executor
) -> Pixels:
    """Return the crops of some rows of one shard, (n, size, size, 3) uint8 RGB, decoded in `pool`."""
    images = read_shard(faces, dataset, shard, rows, face_ids, ["image"]).column("image")
    where = f"{faces / dataset / shard_name(shard)}"
    pixels = np.empty((len(rows), size, size, 3), np.uint8)

    def decode(position: int) -> None:
        data = images[position]["bytes"].as_buffer()
        pixels[position] = resize_to(decode_crop(data, f"{where}, row {rows[position]}"), size)

    list(pool.map(decode, range(len(rows))))
    return pixels


def stored_crops(
    rows: pd.DataFrame, faces: Path, most: int | None = None
) -> Iterator[tuple[NDArray[np.int64], list[Pixels]]]:
    """Yield positions of `rows` and their crops as they are stored, shard by shard, at most `most` at a time.

    `rows` have `dataset`, `shard`, `row` and `face_id`. Raises FauxfaceError as read_shard and decode_crop do.
    """
    for (dataset, shard), positions in by_shard(rows) if len(rows) else ():
        step = most or len(positions)
        for start in range(0, len(positions), step):
            chosen = positions[start : start + step]
            part = rows.iloc[chosen]
            table = read_shard(faces, dataset, shard, part["row"].tolist(), part["face_id"].tolist(), ["image"])
            where = f"{faces / dataset}, shard {shard}"
            yield chosen, [decode_crop(image["bytes"], where) for image in table.column("image").to_pylist()]


def decode_crop(data: Any, where: str) -> Pixels:
    """Return the RGB pixels, (side, side, 3) uint8, of a stored crop; raises FauxfaceError naming `where`."""
    buffer = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(buffer, cv2.IMREAD_COLOR) if buffer.size else None
    if image is None:
        raise FauxfaceError(f"{where}: the stored crop is no image. Make the shard again with `fauxface crop`.")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def load_crops(manifest: pd.DataFrame, faces: Path, size: int, workers: int) -> Pixels:
    """Return all crops of a manifest in its order, (n, size, size, 3) uint8 RGB; one shard at a time is read."""
    pixels = np.empty((len(manifest), size, size, 3), np.uint8)
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for (dataset, shard), positions in by_shard(manifest):
            part = manifest.iloc[positions]
            pixels[positions] = read_crops(
                faces, dataset, shard, part["row"].tolist(), part["face_id"].tolist(), size, pool
            )
    return pixels


def by_shard(manifest: pd.DataFrame) -> list[tuple[tuple[str, int], NDArray[np.int64]]]:
    """Return the positions of a manifest's rows shard by shard, shards in the order of their names."""
    positions: dict[tuple[str, int], list[int]] = {}
    for position, key in enumerate(zip(manifest["dataset"], manifest["shard"], strict=True)):
        positions.setdefault((str(key[0]), int(key[1])), []).append(position)
    return [(key, np.array(positions[key], np.int64)) for key in sorted(positions)]
