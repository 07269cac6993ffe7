"""How good are the faces of a source? Medians of `quality` and of sharpness over all of them.

    python -m benchmarks.quality SOURCE [SOURCE ...] [--limit 300] [--min-face F]

Crops are those of a params.yaml that says nothing else.
"""

from __future__ import annotations

import argparse
import os

import numpy as np

from tasks.detection.detector import FaceDetector
from tasks.detection.onepass import faces_of
from tasks.params import CropParams
from tasks.sources import open_source


def main() -> None:
    """Parse the command line, print a line for each source."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("sources", nargs="+", help="folders or archives of photographs")
    parser.add_argument("--limit", type=int, default=300, help="inputs of each source, drawn evenly")
    parser.add_argument("--min-face", type=float, default=CropParams().min_face, help="pixels, or fraction below 1")
    arguments = parser.parse_args()
    params = CropParams(min_face=arguments.min_face)
    detector = FaceDetector(params.min_face, params.thresholds)
    for source in arguments.sources:
        members = list(open_source(source).members())
        chosen = [
            members[at] for at in np.linspace(0, len(members) - 1, min(arguments.limit, len(members))).astype(int)
        ]
        results = faces_of(chosen, params, "all", detector, len(os.sched_getaffinity(0)))
        faces = [face for result in results for face in result.faces]
        quality, sharpness = (np.median([getattr(face, name) for face in faces]) for name in ("quality", "sharpness"))
        print(f"{source}: {len(chosen)} inputs, {len(faces)} faces: quality {quality:.2f}, sharpness {sharpness:.0f}")


if __name__ == "__main__":
    main()
