"""The model's card: what a trained model is, how it was made, and the hashes that its other files must have."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from tasks.params import CropParams, FauxfaceError
from tasks.params.files import sha256_file
from tasks.params.frozen import Frozen
from tasks.params.models import ThresholdRule

CARD = "card.json"
ARCHITECTURE = "architecture.json"
WEIGHTS = "model.weights.h5"
SCORER = "scorer.xml"
SCORER_WEIGHTS = "scorer.bin"
ID_DIGITS = 12
FAMILIAR = "familiar.safetensors"
FILES = (ARCHITECTURE, WEIGHTS, SCORER, SCORER_WEIGHTS)
KERAS_FILES = (ARCHITECTURE, WEIGHTS)  # what scoring can do without

REFERENCE = "reference"  # what the model in the package is called wherever a model is named
PACKAGED = Path(__file__).resolve().parents[2] / "fauxface" / "reference"


class Answers(Frozen):
    """When a face gets `real`, `fake` or `unsure`; see tasks/scoring/verdict.py.

    `rate`: the share of misses below `real_below` and of false alarms from `fake_from` up, both of p_fake, that the
    faces had which decided them (`chosen_on`, `faces` of `sources`). From a distance of `unfamiliar_from` up a face is
    unlike those trained on, None where the network gives no features; below `low_quality_below` too poor to judge.
    """

    real_below: float
    fake_from: float
    rate: float = Field(gt=0, lt=0.5)
    unfamiliar_from: float | None = None
    low_quality_below: float = 0.0
    chosen_on: str = "valid"
    faces: int = Field(0, ge=0)
    sources: int = Field(0, ge=0)


class SourceOfFaces(Frozen):
    """How many faces of a data set a model was trained on, and the family that its fakes belong to."""

    real: int = Field(0, ge=0)
    fake: int = Field(0, ge=0)
    family: str = ""


class YardstickRow(Frozen):
    """How a model does on a source or family that was left out of a training like its own.

    `auc`: its faces against left-out faces of the other class. `false_alarms`, `misses`: shares at the threshold of 5 %
    false alarms on known photographs. None where the source has not that class.
    """

    source: str
    faces: int = Field(ge=0)
    family: str = ""
    auc: float | None = None
    false_alarms: float | None = None
    misses: float | None = None


class Intent(Frozen):
    """What a model is for, in sentences for its card; `limits` is the one line said with every answer."""

    limits: str
    intended_use: str
    not_for: str
    licence: str
    yardstick: tuple[YardstickRow, ...] = ()


class Calibrated(Frozen):
    """That the thresholds come from photographs of a user: how many, how many are called fake, the rate asked for.

    `interval`: the 95 % confidence interval of the false-alarm rate (Clopper and Pearson, 1934).
    """

    from_model: str
    photographs: int = Field(ge=1)
    false_alarms: int = Field(ge=0)
    rate: float = Field(gt=0, lt=1)
    interval: tuple[float, float]


class ModelCard(Frozen):
    """card.json. Calibrated p_fake = sigmoid(logit / temperature); a face counts as fake from a threshold upwards.

    `threshold` is that of the best balanced accuracy on valid, `threshold_false_alarm` the lowest that calls at most
    1 % of valid's reals fake. What follows `files` came later, so a card may lack it: without `answers` no face is
    `unsure`. `drawn_sample`: all that it was trained on is drawn by `fauxface sample`. `scoring_only`: the folder holds
    no Keras form of the network.
    """

    format: Literal[1] = 1
    model_id: str = Field(pattern=r"^[0-9a-f]{12}$")
    recipe: dict[str, Any]
    input_size: int = Field(ge=1)
    crop: CropParams
    threshold: float
    threshold_false_alarm: float
    temperature: float = Field(gt=0)
    seed: int
    data: dict[str, str]
    valid: dict[str, Any]
    versions: dict[str, str]
    device: str
    files: dict[str, str]
    answers: Answers | None = None
    sources: dict[str, SourceOfFaces] = Field(default_factory=dict)
    intent: Intent | None = None
    calibrated: Calibrated | None = None
    drawn_sample: bool = False
    scoring_only: bool = False

    def expected_id(self) -> str:
        """Return the id that the card's own content leads to; one that differs from `model_id` was edited."""
        files = (self.files[ARCHITECTURE], self.files[WEIGHTS])
        thresholds = (self.threshold, self.threshold_false_alarm)
        answers = None if self.answers is None else (self.answers, self.files.get(FAMILIAR))
        return model_id(*files, self.crop, self.input_size, thresholds, self.temperature, answers)

    def changed(self, **fields: Any) -> ModelCard:
        """Return the card with other fields and the id that follows from them."""
        card = self.model_copy(update=fields)
        return card.model_copy(update={"model_id": card.expected_id()})

    def file_names(self) -> tuple[str, ...]:
        """Return the names of the files that the model's folder must hold beside the card."""
        names = (*FILES, FAMILIAR) if FAMILIAR in self.files else FILES
        return tuple(name for name in names if not (self.scoring_only and name in KERAS_FILES))

    def former_id(self) -> str:
        """Return the id that versions gave it which took `crop.max_pixels`, a limit, for a part of the model."""
        files = (self.files[ARCHITECTURE], self.files[WEIGHTS])
        crop = {**self.crop.recipe(), "max_pixels": self.crop.max_pixels}
        thresholds = (self.threshold, self.threshold_false_alarm)
        return _digest([*files, crop, self.input_size, *thresholds, self.temperature])[:ID_DIGITS]

    def trained_on(self, dataset: str) -> bool:
        """Return whether a phase of the training used the faces of a data set that were in the training split."""
        used = [phase["datasets"] for phase in self.recipe.get("phases", ())]
        return not used or any(names is None or dataset in names for names in used)

    def threshold_by(self, rule: ThresholdRule) -> float:
        """Return the threshold that a setting names."""
        return self.threshold if rule == "balanced" else self.threshold_false_alarm


def model_id(
    architecture: str,
    weights: str,
    crop: CropParams,
    input_size: int,
    thresholds: tuple[float, float],
    temperature: float,
    answers: tuple[Answers, str | None] | None = None,
) -> str:
    """Return 12 hexadecimal digits that stand for everything which decides a verdict.

    `architecture` and `weights` are SHA-256 digests of the files; of the crop only what decides its pixels counts.
    `thresholds` are that of the best balanced accuracy and that of few false alarms; `answers` what decides the three
    answers, with the digest of what tells unfamiliar faces.
    """
    content = [architecture, weights, crop.recipe(), input_size, *thresholds, temperature]
    if answers is not None:
        content += [answers[0].model_dump(mode="json"), answers[1]]
    digest = _digest(content)
    # From a letter on: a reader of the folder model=<id> would take an id of digits alone for a number.
    first = next(place for place, digit in enumerate(digest) if digit.isalpha())
    return digest[first:][:ID_DIGITS]


def _digest(content: list[Any]) -> str:
    """Return the SHA-256 of a JSON value, as the 64 hexadecimal digits and once more, so that all places have 12."""
    return 2 * hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def model_named(name: str | None, own: Path) -> str:
    """Return the path or URL of the model that a user names: `reference`, or a folder.

    Without a name it is the workspace's `own`, and where that is not there the reference model of the package.
    """
    packaged = name is None and not own.exists() and PACKAGED.joinpath(CARD).is_file()
    return str(PACKAGED) if packaged or name == REFERENCE else name or str(own)


def is_packaged(url: str) -> bool:
    """Tell whether a model's path, as `model_named` returns it, is that of the package."""
    return url == str(PACKAGED)


def read_card(model: Path) -> ModelCard:
    """Return the card in the folder `model`; raises FauxfaceError when there is none or it cannot be read."""
    path = model / CARD
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FauxfaceError(
            f"{model}: holds no model ({CARD} is missing). Train one with `fauxface train` or `dvc repro train`, fetch "
            "one with `dvc pull`, or name another folder with --model."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FauxfaceError(f"{path}: cannot be read ({error}). Train again or fetch it with `dvc pull`.") from None
    return _parse(text, path)


def verify_files(model: Path, card: ModelCard) -> None:
    """Compare the model's files with the card; raises FauxfaceError naming the file that is missing or differs."""
    for name in card.file_names():
        path = model / name
        if not path.is_file():
            raise FauxfaceError(f"{path}: is missing from the model. Train again or fetch it with `dvc pull`.")
        found, expected = sha256_file(path), card.files.get(name)
        if found != expected:
            raise FauxfaceError(
                f"{path}: is not the file that the model was saved with (SHA-256 {found}, {CARD} says {expected}). "
                "It was changed or damaged: train again or fetch it with `dvc pull`."
            )
    if card.model_id not in (card.expected_id(), card.former_id()):
        raise FauxfaceError(
            f"{model / CARD}: its id {card.model_id} does not follow from its content ({card.expected_id()}): crop "
            "parameters, threshold or temperature were edited. Train again or fetch it with `dvc pull`."
        )


def load_card(model: Path) -> ModelCard:
    """Return the card of a model whose files have all been verified against it; raises FauxfaceError."""
    card = read_card(model)
    verify_files(model, card)
    return card


def _parse(text: str, path: Path) -> ModelCard:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise FauxfaceError(f"{path}: is no JSON ({error}). Train again or fetch it with `dvc pull`.") from None
    version = content.get("format") if isinstance(content, dict) else None
    if version != 1:
        raise FauxfaceError(f"{path}: has format {version!r}, this version of fauxface reads format 1. Train again.")
    try:
        return ModelCard.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise FauxfaceError(f"{path}: {key}: {first['msg']}. Train again or fetch it with `dvc pull`.") from None
