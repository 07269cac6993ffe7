"""Where things lie in a workspace, which is the working directory: a folder with a params.yaml and a dvc.yaml."""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
DVC_FILE = Path("dvc.yaml")
LOCK_FILE = Path("dvc.lock")
DATA = Path("data")
FACES = Path("data/faces")
MANIFESTS = Path("data/manifests")
MODEL = Path("data/model")
SCORES = Path("data/scores")
ARCHIVES = Path("data/archives")
RAW = Path("data/raw")
SAMPLE = RAW / "sample"
REPORTS = Path("reports")

# Outside DVC's outs: what lets a killed stage go on, and downloads. Not versioned, safe to delete when nothing runs.
STATE = Path("data/.state")
CROP_STATE = Path("data/.state/crop")
TRAIN_STATE = Path("data/.state/train")
SOURCES_STATE = Path("data/.state/sources")
DOWNLOADS = Path("data/.state/downloads")
INBOX_STATE = Path("data/.state/inbox.json")
RESCORE_STATE = Path("data/.state/rescore.json")
FINGERPRINTS = Path("data/.state/fingerprints")


def make_state_folder(folder: Path = STATE) -> None:
    """Make the folder of what is not versioned, in which git finds that it has nothing to look for there."""
    folder.mkdir(parents=True, exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")
