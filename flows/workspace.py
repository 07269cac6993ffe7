"""Where things lie in a workspace: any folder with a params.yaml and a dvc.yaml, which is also the working directory."""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
FACES = Path("data/faces")
MANIFESTS = Path("data/manifests")
MODEL = Path("data/model")
SCORES = Path("data/scores")
ARCHIVES = Path("data/archives")
SAMPLE = Path("data/raw/sample")
REPORTS = Path("reports")

# Outside DVC's outs: what lets a killed stage go on, and downloads. Not versioned, safe to delete when nothing runs.
CROP_STATE = Path("data/.state/crop")
TRAIN_STATE = Path("data/.state/train")
DOWNLOADS = Path("data/.state/downloads")
