"""A workspace as the stages leave it, made in a second: drawn crops and invented scores, the stages' own shapes."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tasks.evaluation.evaluate import evaluate
from tasks.evaluation.frames import feature_rows
from tasks.evaluation.perturbations import PERTURBATIONS
from tasks.evaluation.predictions import predictions_table
from tasks.imaging.encode import encode_png
from tasks.manifests.parts import write_part, write_table
from tasks.manifests.schemas import FACES, IMAGES, SCORES, shard_name
from tasks.manifests.stage import split_faces
from tasks.params import Params
from tasks.params.files import write_json
from tasks.reporting import build_report
from tasks.scoring.card import FILES, ModelCard

HOSTILE = "<script>alert(1)</script>\u202egnp.jpg"
LONG = "x" * 5000 + ".jpg"
MODEL = "0123456789ab"
THRESHOLD = 0.43
HISTORY = """epoch,auc,loss,learning_rate,val_auc,val_loss
1,0.6,0.69,0.001,0.61,0.68
2,0.8,0.5,0.001,0.75,0.55
3,0.9,0.4,0.0005,0.7,0.6
"""
SOURCES = {"photos": "/data/photos.zip", "elsewhere": "s3://user:secret@bucket/elsewhere.tar"}


@dataclass(frozen=True)
class Workspace:
    """The folders of a workspace and its settings."""

    root: Path
    params: Params

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def page(self) -> str:
        return build_report(self.reports, self.data, self.params)

    def report(self, name: str) -> Any:
        return json.loads((self.reports / name).read_text(encoding="utf-8"))


def make_params(sources: dict[str, str]) -> Params:
    uses = {"photos": "split", "elsewhere": "test"}
    datasets = {name: {"source": source, "use": uses[name]} for name, source in sources.items()}
    return Params.model_validate({"datasets": datasets, "score": {"archives": {"dump": {"source": "dump.zip"}}}})


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    """A workspace in which no stage has run."""
    return Workspace(tmp_path, make_params(SOURCES))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which all stages have run; for reading only."""
    return make_workspace(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def html(finished: Workspace) -> str:
    """The page of `finished`."""
    return finished.page()


@pytest.fixture
def workspace(finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of `finished` to change."""
    return Workspace(shutil.copytree(finished.root, tmp_path / "workspace"), finished.params)


def make_workspace(root: Path, side: int = 32) -> Workspace:
    workspace = Workspace(root, make_params(SOURCES))
    random = np.random.default_rng(5)
    _dataset(workspace, "photos", ["real", "fake"] * 60, random, side)
    _dataset(workspace, "elsewhere", ["fake"] * 25, random, side)
    settings = list(workspace.params.datasets.values())
    split = split_faces(workspace.data / "faces", workspace.data / "manifests", settings, workspace.params.split)
    write_json(workspace.reports / "split.json", split)
    _training(workspace, split)
    _evaluation(workspace, random)
    _scoring(workspace, random)
    times = workspace.reports / "timings"
    for name in ("photos", "elsewhere"):
        write_json(times / "crop" / f"{name}.json", {"seconds": 12.34, "images_per_second": 7.5})
    write_json(times / "train.json", {"seconds": 75.0, "images_per_second": 31.2})
    write_json(times / "score.json", {"archives": {"dump": {"seconds": 3661.0, "images_per_second": 55.0}}})
    return workspace


def _dataset(workspace: Workspace, name: str, labels: list[str], random: np.random.Generator, side: int) -> None:
    folder = workspace.data / "faces" / name
    faces = [_face(name, number, label, random, side) for number, label in enumerate(labels)]
    images = [{**face, "index": number, "status": "ok", "error": "", "n_faces": 1} for number, face in enumerate(faces)]
    images = [{**image, "annotations": None, "frames": 1} for image in images]
    fault = {**images[0], "status": "truncated", "error": "ends <b>early</b>", "n_faces": 0}
    images += [{**fault, "member": HOSTILE}, {**fault, "member": LONG}, {**fault, "status": "no_face", "error": ""}]
    write_part(folder / shard_name(0), faces, FACES, {})
    write_part(folder / "images.parquet", images, IMAGES, {})
    counts = {
        "dataset": name,
        "inputs": len(images),
        "faces": len(faces),
        "status": {"ok": len(faces), "no_face": 1, "truncated": 2},
    }
    write_json(workspace.reports / "crop" / f"{name}.json", counts)


def _face(dataset: str, number: int, label: str, random: np.random.Generator, side: int) -> dict[str, Any]:
    pixels = random.integers(0, 256, (side, side, 3), np.uint8)
    facts = dict.fromkeys(FACES.names)
    return {
        **facts,
        "face_id": f"{dataset}-{number:064d}#0",
        "image_id": f"{dataset}-{number:064d}",
        "dataset": dataset,
        "member": f"{label}/{number}{HOSTILE}",
        "face_index": 0,
        "width": 256,
        "height": 256,
        "file_bytes": int(random.integers(9_000, 20_000)),
        "format": "JPEG",
        "jpeg_quality": 75,
        "sharpness": float(random.random()),
        "corner_variance": float(random.random()),
        "phash": random.bytes(32),
        "image": {"bytes": encode_png(pixels), "path": None},
    }


def _training(workspace: Workspace, split: dict[str, Any]) -> None:
    faces = split["faces"]
    report = {
        "recipe": "cnn3",
        "model_id": MODEL,
        "epochs": 3,
        "best_epoch": 2,
        "resumed_after": 0,
        "tells_apart": False,
        "nothing_learnt": ["swaps"],
        "left_out": {"head": 0, "probe": 7},
        "train_faces": faces["train"],
        "valid_faces": faces["valid"],
        "device": "a CPU",
    }
    write_json(workspace.reports / "train.json", report)
    (workspace.reports / "train_history.csv").write_text(HISTORY, encoding="utf-8")
    card = ModelCard(
        model_id=MODEL,
        recipe={"name": "cnn3", "network": "cnn3", "epochs": 3},
        input_size=128,
        crop=workspace.params.crop,
        threshold=THRESHOLD,
        threshold_false_alarm=0.9,
        temperature=1.2,
        seed=1,
        data={name: split["sha256"][name] for name in ("train", "valid")},
        valid={},
        versions={"keras": "3"},
        device="a CPU",
        files=dict.fromkeys(FILES, "0" * 64),
    )
    write_json(workspace.data / "model" / "card.json", card.model_dump(mode="json"))


def _evaluation(workspace: Workspace, random: np.random.Generator) -> None:
    frames = []
    for side in ("train", "valid", "test"):
        rows = feature_rows(workspace.data / "manifests" / f"{side}.parquet", workspace.data / "faces")
        p_fake = np.clip(random.normal(0.35 + 0.3 * rows["label"], 0.2), 0, 1)
        answers = {"verdict": np.where(p_fake >= THRESHOLD, "fake", "real"), "verdict_reason": None}
        frames.append(rows.assign(p_fake=p_fake, logit=p_fake, **answers))
    train, valid, test = frames
    evaluation = evaluate(
        train, valid, test, THRESHOLD, 0.9, workspace.params.evaluate.model_copy(update={"bootstrap": 100}), _perturbed
    )
    write_json(workspace.reports / "evaluate.json", evaluation.report)
    folder = workspace.reports / "evaluate"
    folder.mkdir()
    for name, frame in evaluation.plots.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    write_table(folder / "predictions.parquet", predictions_table(evaluation.predictions))
    _explained(workspace, evaluation.predictions["face_id"].tolist()[:10])


def _perturbed(rows: pd.DataFrame) -> dict[str, NDArray[np.float32]]:
    """The later a perturbation comes, the less is left of what tells fakes from photographs."""
    p_fake = rows["p_fake"].to_numpy(np.float32)
    noise = np.random.default_rng(3).random(len(rows), np.float32)
    steps = len(PERTURBATIONS)
    return {each.name: p_fake + (noise - p_fake) * np.float32(step / steps) for step, each in enumerate(PERTURBATIONS)}


def _explained(workspace: Workspace, face_ids: list[str]) -> None:
    folder = workspace.reports / "explain"
    (folder / "overlays").mkdir(parents=True)
    (folder / "overlays/one.jpg").write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8)))
    faces = [{"face_id": face_id, "overlay": "overlays/one.jpg"} for face_id in face_ids]
    faces.append({"face_id": "elsewhere", "overlay": "../../params.yaml"})
    write_json(
        folder / "explain.json", {"model_id": MODEL, "method": "exact", "unit": "", "scale": 1.0, "faces": faces}
    )


def _scoring(workspace: Workspace, random: np.random.Generator) -> None:
    folder = Path("scores") / f"model={MODEL}" / "archive=dump-0123456789ab"
    members = [HOSTILE, LONG, "ein Bild mit Umlaut ä.jpg", *(f"{number}.jpg" for number in range(40))]
    faces = [
        _scored(member, float(p_fake)) for member, p_fake in zip(members, random.random(len(members)), strict=True)
    ]
    absent = dict.fromkeys((name for name in SCORES.names if name.startswith("box") or "face_i" in name), None)
    nothing = {**faces[0], **absent, "p_fake": None, "is_fake": None, "member": "empty.jpg", "status": "empty_file"}
    write_part(workspace.data / folder / "part-00000.parquet", faces[:20], SCORES, {})
    write_part(workspace.data / folder / "part-00001.parquet", [*faces[20:], nothing], SCORES, {})
    counts = {
        "scores": (Path("data") / folder).as_posix(),
        "inputs": len(faces) + 1,
        "status": {"ok": len(faces), "empty_file": 1},
        "faces": len(faces),
        "fake_faces": sum(face["is_fake"] for face in faces),
        "fake_images": sum(face["is_fake"] for face in faces),
        "image_verdicts": {"fake": 20, "real": 20, "unsure": 3},
        "verdict": "max",
    }
    report = {"model_id": MODEL, "threshold": THRESHOLD, "archives": {"dump": counts}}
    write_json(workspace.reports / "score.json", report)


def _scored(member: str, p_fake: float) -> dict[str, Any]:
    return {
        **dict.fromkeys(SCORES.names),
        "archive": "dump",
        "index": 0,
        "member": member,
        "image_id": "1" * 64,
        "status": "ok",
        "error": "",
        "width": 640,
        "height": 480,
        "face_index": 0,
        "frames": 1,
        "n_faces": 1,
        "box_x": 10.0,
        "box_y": 20.5,
        "box_width": 30.0,
        "box_height": 40.0,
        "detection_confidence": 0.99,
        "landmarks": [0.0] * 10,
        "p_fake": p_fake,
        "is_fake": p_fake >= THRESHOLD,
        "verdict": "unsure",
        "verdict_reason": "borderline",
        "provenance": "generator:midjourney",
        "verdict_rule": "max",
        "threshold_rule": "balanced",
        "model_id": MODEL,
    }
