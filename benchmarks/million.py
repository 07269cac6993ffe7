"""Does a training on a million faces start soon and keep its memory? The same shard over and over.

    python -m benchmarks.million WORKSPACE DATASET [--faces 1000000] [--recipe tuned] [--seconds 120]

The first shard of a data set, which is cropped and split, stands in for as many as it takes: each has a file name of
its own, is hashed, read and decoded as any other. Prints when the first batch was taken, then memory and faces every
ten seconds, and ends the training after `--seconds`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.manifests.schemas import MANIFEST, shard_name
from tasks.params import CropParams, TrainParams
from tasks.training.fitting.backend import prepare_backend
from tasks.training.train import train

NAME = "many"
STEP = 10  # seconds


def main() -> None:
    """Parse the command line, train, print, end."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--recipe", default="tuned")
    parser.add_argument("--seconds", type=float, default=120)
    arguments = parser.parse_args()
    prepare_backend()
    with tempfile.TemporaryDirectory(dir=arguments.workspace) as folder:
        root = Path(folder)
        _fill(root, arguments.workspace, arguments.dataset, arguments.faces)
        began = time.monotonic()
        threading.Thread(target=_watch, args=(began, arguments.seconds, root), daemon=True).start()
        params = TrainParams(recipe=arguments.recipe)
        train(
            root / "manifests", root / "faces", root / "model", CropParams(), params, root / "state",
            root / "history.csv", workers=len(os.sched_getaffinity(0)), progress=False,
        )  # fmt: skip


def _fill(root: Path, workspace: Path, dataset: str, faces: int) -> None:
    """Write links to the shard and manifests of so many rows."""
    source = workspace / "data/faces" / dataset / shard_name(0)
    (root / "faces" / NAME).mkdir(parents=True)
    (root / "manifests").mkdir()
    rows = {}
    for side in ("train", "valid"):
        table = pq.read_table(workspace / "data/manifests" / f"{side}.parquet").to_pandas()
        rows[side] = table[(table["dataset"] == dataset) & (table["shard"] == 0)].assign(dataset=NAME)
    shards = -(-faces // len(rows["train"]))
    for shard in range(shards):
        os.link(source, root / "faces" / NAME / shard_name(shard))
    count = len(rows["train"])
    whole = (
        rows["train"]
        .iloc[np.tile(np.arange(count), shards)[:faces]]
        .assign(shard=np.repeat(np.arange(shards), count)[:faces].astype(np.int32))
    )
    for side, part in (("train", whole), ("valid", rows["valid"])):
        table = pa.Table.from_pandas(part, schema=MANIFEST, preserve_index=False)
        pq.write_table(table.replace_schema_metadata(None), root / "manifests" / f"{side}.parquet")
    print(f"{faces:,} rows in {shards:,} shards", flush=True)


def _watch(began: float, seconds: float, root: Path) -> None:
    """Print when the training takes its first batch, and then memory and speed, and end the process."""
    from tasks.training.batches.loader import Batch, FaceBatches

    taken: list[float] = []
    faces = 0
    take = FaceBatches.__getitem__

    def counted(self: FaceBatches, index: int) -> Batch:
        nonlocal faces
        batch = take(self, index)
        faces += len(batch[1])
        taken.append(time.monotonic())
        return batch

    FaceBatches.__getitem__ = counted  # type: ignore[method-assign]
    while not taken:
        time.sleep(0.1)
    first = taken[0]
    print(f"first batch after {first - began:.0f} s", flush=True)
    while time.monotonic() < first + seconds:
        time.sleep(STEP)
        memory = psutil.Process().memory_info().rss / 2**20
        print(f"{time.monotonic() - first:4.0f} s  {memory:,.0f} MiB  {faces:,} faces", flush=True)
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    os._exit(0)


if __name__ == "__main__":
    main()
