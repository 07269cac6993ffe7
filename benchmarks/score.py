"""Scoring, end to end, beside the script that a notebook would run, both timed in this run.

    python -m benchmarks.score SOURCE [--model data/model] [--naive-images 12]

Ours reads, decodes, detects, crops, classifies and writes Parquet. The script decodes one image, calls
`MTCNN().detect_faces`, cuts the largest face out, calls `model.predict`, and keeps the answer in a list.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.detect import IMAGES
from benchmarks.stock import quietly
from tasks.scoring.model import ModelPlace, card_at
from tasks.scoring.shard import ScoreJob, score_shard
from tasks.scoring.store import ScoreStore
from tasks.sources import open_source

Pixels = NDArray[np.uint8]


def main() -> None:
    """Parse the command line, time both, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--model", type=Path, default=Path("data/model"))
    parser.add_argument("--naive-images", type=int, default=12, help="the script is slow: it gets this many images")
    arguments = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    ours = _ours(arguments.source, arguments.model, threads)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    naive = _naive(arguments.source, arguments.model, arguments.naive_images)
    print(f"{arguments.source}, {threads} threads")
    print(f"ours    {ours:8.2f} images/s   (peak memory {memory:.0f} MiB)")
    print(f"script  {naive:8.2f} images/s   (measured on {arguments.naive_images} images)")
    print(f"ratio   {ours / naive:8.1f}")


def _ours(source: str, model: Path, threads: int) -> float:
    """Return images a second over the whole source, loading the model and writing included."""
    started = time.perf_counter()
    images = 0
    with tempfile.TemporaryDirectory() as folder:
        card = card_at(str(model))
        scores = ScoreStore(folder).folder(card.model_id, "benchmark")
        job = ScoreJob("benchmark", scores, "", ModelPlace.of(str(model), card), card.crop, "all", threads)
        for shard in open_source(source).shards(1000):
            images += score_shard(job, shard).inputs
    return images / (time.perf_counter() - started)


def _naive(source: str, model: Path, images: int) -> float:
    """Return images a second of the script, without its imports, its model loading and its first image."""
    predict = _script(model)
    files = list(islice(_files(source), images + 1))
    with quietly():
        predict(files[0])
    started = time.perf_counter()
    answers = [predict(file) for file in files[1:]]
    return len(answers) / (time.perf_counter() - started)


def _script(model: Path) -> Callable[[bytes], float | None]:
    with quietly():
        from mtcnn import MTCNN  # only here: importing TensorFlow takes seconds

        from tasks.training.networks.network_file import load_keras

        detector = MTCNN()
        network, _ = load_keras(model)
    size = network.input_shape[1]

    def predict(file: bytes) -> float | None:
        pixels = np.asarray(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
        faces = detector.detect_faces(pixels)
        if not faces:
            return None
        x, y, width, height = max((face["box"] for face in faces), key=lambda box: box[2] * box[3])
        crop = cv2.resize(pixels[max(0, y) : y + height, max(0, x) : x + width], (size, size))
        return float(network.predict(crop[None].astype(np.float32), verbose=0)[0, 0])

    return predict


def _files(source: str) -> Iterator[bytes]:
    members = (member for member in open_source(source).members() if member.path.lower().endswith(IMAGES))
    return (member.data for member in members if member.data)


if __name__ == "__main__":
    main()
