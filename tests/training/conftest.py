"""Small drawn faces in shards, as the stages before training leave them, and one model trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.manifests.schemas import FACES, MANIFEST, shard_name
from tasks.params import CropParams, TrainParams
from tasks.training.fitting.backend import prepare_backend
from tasks.training.train import TrainResult, train

SIDE = 48
SHARD = 50
COUNTS = {"train": 160, "valid": 40, "test": 40}
RECIPE = f"""
network: cnn3
network_arguments: {{widths: [8, 8, 16], dropout: 0.2}}
input_size: {SIDE}
epochs: 4
batch_size: 16
learning_rate: 0.003
augmentation:
  - HorizontalFlip: {{p: 0.5}}
  - RandomBrightnessContrast: {{brightness_limit: 0.1, contrast_limit: 0.1, p: 0.5}}
"""


@dataclass(frozen=True)
class Toy:
    """A workspace: faces/ and manifests/ of a separable problem, and a recipe that solves it."""

    root: Path
    recipe: Path

    @property
    def faces(self) -> Path:
        return self.root / "faces"

    @property
    def manifests(self) -> Path:
        return self.root / "manifests"

    def train(self, out: Path, **changes: int | float | None) -> TrainResult:
        params = TrainParams.model_validate({"recipe": str(self.recipe), "seed": 3, **changes})
        history = out / "history.csv"
        return train(
            self.manifests,
            self.faces,
            out / "model",
            CropParams(),
            params,
            out / "state",
            history,
            workers=2,
            progress=False,
        )


@dataclass(frozen=True)
class Trained:
    folder: Path
    result: TrainResult

    @property
    def model(self) -> Path:
        return self.folder / "model"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keras 3.15 reads its own variables in a way that NumPy 2 warns about; that is for Keras to mend."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"))


@pytest.fixture(scope="session", autouse=True)
def keras_backend() -> None:
    """Keras, quietly, before any test imports it."""
    prepare_backend()


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    root = tmp_path_factory.mktemp("toy")
    write_toy(root)
    recipe = root / "toy.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return Toy(root, recipe)


@pytest.fixture(scope="session")
def trained(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    return Trained(folder, toy.train(folder))


def draw(label: int, random: np.random.Generator) -> np.ndarray:
    """Smooth colours with noise (real) or with a checkerboard as upsampling leaves it (fake)."""
    base = cv2.resize(random.normal(128, 30, (6, 6, 3)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    board = (np.add.outer(np.arange(SIDE), np.arange(SIDE)) % 2 * 2 - 1)[..., None]
    trace = 10 * board if label else random.normal(0, 10, base.shape)
    return np.clip(base + trace, 0, 255).astype(np.uint8)


def write_toy(root: Path) -> None:
    random = np.random.default_rng(5)
    faces = [_face(number, number % 2, random) for number in range(sum(COUNTS.values()))]
    for start in range(0, len(faces), SHARD):
        path = root / "faces" / "toy" / shard_name(start // SHARD)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(faces[start : start + SHARD], FACES), path)
    first = 0
    (root / "manifests").mkdir()
    for split, count in COUNTS.items():
        rows = [_manifest_row(number, split) for number in range(first, first + count)]
        pq.write_table(pa.Table.from_pylist(rows, MANIFEST), root / "manifests" / f"{split}.parquet")
        first += count


def _face(number: int, label: int, random: np.random.Generator) -> dict[str, object]:
    png = cv2.imencode(".png", draw(label, random))[1].tobytes()
    known = {
        "face_id": f"{number:064x}#0",
        "image_id": f"{number:064x}",
        "dataset": "toy",
        "member": f"{number}.png",
        "face_index": 0,
        "label": label,
        "width": SIDE,
        "height": SIDE,
        "file_bytes": 1000 + number,
        "format": "PNG",
        "sharpness": float(random.random()),
        "corner_variance": float(random.random()),
        "image": {"bytes": png, "path": None},
    }
    return {**dict.fromkeys(FACES.names), **known}


def _manifest_row(number: int, split: str) -> dict[str, object]:
    return {
        "face_id": f"{number:064x}#0",
        "dataset": "toy",
        "shard": number // SHARD,
        "row": number % SHARD,
        "split": split,
        "label": number % 2,
        "group": f"g{number}",
        "source": "toy",
    }
