"""What does a classifier at bf16 cost in ranking and verdicts, and what does it gain in time?

    python -m benchmarks.precision MODEL MANIFEST... [--faces FOLDER] [--rounds 5]

Scores the faces that the manifests name (data/manifests/test.parquet, say) at f32 and at bf16, and prints for each data
set both AUCs, the verdicts that flip at either of the model's thresholds, and how far p_fake moves. Faces a second are
those of the network alone, both precisions in turn on the same faces in this run; medians. A processor that has no bf16
computes at f32 with all weights and all layers' outputs rounded to bf16, and has no speed to tell.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import openvino
import pandas as pd
from numpy.typing import NDArray
from openvino import opset13 as ops
from sklearn.metrics import roc_auc_score

from tasks.evaluation.frames import scored_rows
from tasks.params.models import Precision
from tasks.scoring.card import SCORER, ModelCard
from tasks.scoring.classifier import Classifier, Scorer
from tasks.scoring.crops import load_crops, read_manifest

TIMED = 512  # faces


def main() -> None:
    """Parse the command line, score with both, print the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("manifests", type=Path, nargs="+", metavar="MANIFEST")
    parser.add_argument(
        "--faces", type=Path, help="folder of the shards; data/faces beside data/manifests unless given"
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    faces = arguments.faces or arguments.manifests[0].parent.parent / "faces"
    has_bf16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if not has_bf16:
        print("This processor has no bf16: weights and layers' outputs are rounded to it and computed with at f32.")
    precise = Classifier.load(arguments.model, threads)
    card = precise.card
    coarse = (
        Classifier.load(arguments.model, threads, "bf16")
        if has_bf16
        else _rounding(arguments.model / SCORER, card, threads)
    )
    f32, bf16 = (_scored(arguments.manifests, faces, classifier, threads) for classifier in (precise, coarse))
    print(f"model {card.model_id}, {card.input_size} px, {threads} threads")
    print(
        f"{'faces':24}{'n':>7}{'AUC f32':>10}{'AUC bf16':>10}{'flipped':>9}{'strict':>9}{'p_fake moved':>14}{'most':>8}"
    )
    for line in _lines(f32, bf16, card):
        print(line)
    if has_bf16:
        rows = pd.concat([read_manifest(path) for path in arguments.manifests], ignore_index=True)
        _print_speed(
            {"f32": precise, "bf16": coarse},
            rows.sample(min(TIMED, len(rows)), random_state=1),
            faces,
            arguments.rounds,
        )


def _rounding(scorer: Path, card: ModelCard, threads: int) -> Classifier:
    """Return the model with all of its weights and its layers' outputs rounded to bf16, all sums being of f32."""
    network = openvino.Core().read_model(scorer)
    for node in network.get_ordered_ops():
        for output in node.outputs():
            readers = list(output.get_target_inputs())
            last = not readers or readers[0].get_node().get_type_name() == "Result"
            if last or output.get_element_type() != openvino.Type.f32:
                continue
            if node.get_type_name() == "Constant":
                rounded = ops.constant(_to_bf16(np.asarray(node.data, np.float32)))
            else:  # Veltkamp's splitting: OpenVINO removes a conversion there and back
                large = ops.multiply(output, ops.constant(np.float32(2**16 + 1)))
                rounded = ops.subtract(large, ops.subtract(large, output))
            for reader in readers:
                reader.replace_source_output(rounded.output(0))
    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(network, Path(folder) / SCORER, compress_to_fp16=False)
        return Classifier(card, Scorer(Path(folder) / SCORER, card.input_size, threads))


def _to_bf16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    large = values * np.float32(2**16 + 1)
    return np.asarray(large - (large - values), np.float32)


def _scored(manifests: list[Path], faces: Path, classifier: Classifier, threads: int) -> pd.DataFrame:
    return pd.concat([scored_rows(path, faces, classifier, threads) for path in manifests], ignore_index=True)


def _lines(f32: pd.DataFrame, bf16: pd.DataFrame, card: ModelCard) -> Iterator[str]:
    names = sorted(f32["dataset"].unique())
    for name in [*names, *(["all"] if len(names) > 1 else [])]:
        chosen = np.ones(len(f32), bool) if name == "all" else (f32["dataset"] == name).to_numpy()
        labels, before, after = f32["label"][chosen], f32["p_fake"][chosen], bf16["p_fake"][chosen]
        aucs = [_auc(labels, values) for values in (before, after)]
        flips = [
            int(((before >= threshold) != (after >= threshold)).sum())
            for threshold in (card.threshold, card.threshold_false_alarm)
        ]
        moved = (before - after).abs()
        yield (
            f"{name:24}{len(labels):7}{aucs[0]:>10}{aucs[1]:>10}{flips[0]:9}{flips[1]:9}"
            f"{moved.mean():14.5f}{moved.max():8.4f}"
        )


def _auc(labels: pd.Series[int], values: pd.Series[float]) -> str:
    return f"{roc_auc_score(labels, values):.5f}" if labels.nunique() == 2 else "one class"


def _print_speed(classifiers: dict[Precision, Classifier], rows: pd.DataFrame, faces: Path, rounds: int) -> None:
    """Print faces a second of both, after a round that is not timed."""
    crops = load_crops(rows, faces, classifiers["f32"].card.input_size, len(os.sched_getaffinity(0)))
    seconds: dict[Precision, list[float]] = {name: [] for name in classifiers}
    for _ in range(rounds + 1):
        for name, classifier in classifiers.items():
            started = time.perf_counter()
            classifier.logits(crops)
            seconds[name].append(time.perf_counter() - started)
    rates = {name: len(crops) / median(values[1:]) for name, values in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:5}{rate:8.0f} faces/s")
    print(f"ratio{rates['bf16'] / rates['f32']:8.2f}")


if __name__ == "__main__":
    main()
