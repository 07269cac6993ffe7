"""The scenes with their boxes, one detector for all tests, and the counting of what was found."""

from __future__ import annotations

import csv
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.detection.boxes import iou
from tasks.detection.detector import FaceDetector

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Scenes:
    """Files by name, their true boxes (n, 5: x, y, width, height, ignore), and their pixels."""

    files: Mapping[str, bytes]
    boxes: Mapping[str, Boxes]

    def pixels(self, name: str) -> Pixels:
        """Return the pixels of a file, decoded by OpenCV alone."""
        decoded = cv2.imdecode(np.frombuffer(self.files[name], np.uint8), cv2.IMREAD_COLOR_RGB)
        assert decoded is not None
        return decoded.astype(np.uint8)

    def score(self, found: Mapping[str, Boxes], overlap: float = 0.4) -> tuple[int, int]:
        """Return how many true boxes are found, and how many found boxes meet no true one, ignored ones included."""
        hits = extra = 0
        for name, ours in found.items():
            true = self.boxes.get(name, np.empty((0, 5), np.float32))
            share = iou(corners(ours), corners(true[:, :4]))
            pairs = sorted(zip(*np.nonzero(share >= overlap), strict=True), key=lambda pair: -share[pair])
            mine: set[int] = set()
            theirs: set[int] = set()
            for row, column in pairs:
                if row not in mine and column not in theirs:
                    mine.add(row)
                    theirs.add(column)
            hits += sum(true[column, 4] == 0 for column in theirs)
            extra += len(ours) - len(mine)
        return hits, extra


def corners(boxes: Boxes) -> Boxes:
    """Return left, top, right, bottom of x, y, width, height."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _tar_scenes(path: Path) -> Scenes:
    with tarfile.open(path) as tar:
        content = {member.name: stream.read() for member in tar.getmembers() if (stream := tar.extractfile(member))}
    rows = csv.DictReader(io.StringIO(content.pop("boxes.csv").decode()))
    boxes: dict[str, list[Sequence[float]]] = {}
    for row in rows:
        numbers = [float(row[key]) for key in ("x", "y", "width", "height", "ignore")]
        boxes.setdefault(row["image"], []).append(numbers)
    return Scenes(content, {name: np.array(values, np.float32) for name, values in boxes.items()})


@pytest.fixture(scope="session")
def groups(real_data: Path) -> Scenes:
    """Nine group photographs with 43 faces."""
    return _tar_scenes(real_data / "scenes" / "group_photos.tar")


@pytest.fixture(scope="session")
def crowds(real_data: Path) -> Scenes:
    """A hundred crowds with 198 faces of 20 pixels or more."""
    return _tar_scenes(real_data / "scenes" / "wider_crowds.tar")


@pytest.fixture(scope="session")
def faceless(real_data: Path) -> Scenes:
    """A hundred photographs without a human face."""
    with zipfile.ZipFile(real_data / "scenes" / "no_faces.zip") as archive:
        return Scenes({name: archive.read(name) for name in archive.namelist() if name.endswith(".jpg")}, {})


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    """The detector at the stock package's settings: faces of 20 pixels or more."""
    return FaceDetector()
