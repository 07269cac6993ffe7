"""What is gained by the kernels that a scorer prefers to those that OpenVINO takes by itself?

    python -m benchmarks.kernels MODEL MANIFEST [--faces FOLDER] [--rounds 40]

Faces a second of the network alone at f32, both scorers in turn on the same 64 faces of the manifest; medians, with
quartiles, and the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np

from tasks.scoring import classifier
from tasks.scoring.card import SCORER, load_card
from tasks.scoring.classifier import Scorer
from tasks.scoring.crops import load_crops, read_manifest

FACES = 64


def main() -> None:
    """Parse the command line, let both score in turn, print the speeds."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument(
        "--faces", type=Path, help="folder of the shards; data/faces beside data/manifests if not given"
    )
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    card, threads = load_card(arguments.model), len(os.sched_getaffinity(0))
    rows = read_manifest(arguments.manifest)
    rows = rows.sample(min(FACES, len(rows)), random_state=1)
    faces = arguments.faces or arguments.manifest.parent.parent / "faces"
    crops = load_crops(rows, faces, card.input_size, threads)
    with patch.dict(classifier.BY_GROUPS, clear=True):
        left = Scorer(arguments.model / SCORER, card.input_size)
    scorers = {"OpenVINO's choice": left, "preferred": Scorer(arguments.model / SCORER, card.input_size)}
    rates: dict[str, list[float]] = {name: [] for name in scorers}
    for _ in range(arguments.rounds + 1):
        for name, scorer in scorers.items():
            started = time.perf_counter()
            list(scorer.begin(crops))
            rates[name].append(len(crops) / (time.perf_counter() - started))
    own, preferred = (np.array(values[1:]) for values in rates.values())
    for name, values in zip(rates, (own, preferred), strict=True):
        low, middle, high = np.percentile(values, [25, 50, 75])
        print(f"{name:20}{middle:6.0f} faces/s ({low:.0f} to {high:.0f})")
    print(f"{'ratio':20}{np.median(preferred / own):6.2f}")


if __name__ == "__main__":
    main()
