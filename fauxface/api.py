"""What `import fauxface` offers, on top of the same functions that the pipeline's stages call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.detection.onepass import ImageResult, faces_of, shared_detector
from tasks.imaging.encode import encode_png
from tasks.params import CropParams, FauxfaceError, ScoreParams
from tasks.params.models import Keep, Precision, ThresholdRule
from tasks.scoring.card import ModelCard, model_named
from tasks.scoring.classifier import Classifier
from tasks.scoring.model import load_model as load_classifier
from tasks.scoring.predict import predict as judged
from tasks.scoring.verdict import FaceScore, Judge
from tasks.sources import Member, Source, open_source
from tasks.sources.named import read_named

if TYPE_CHECKING:
    import pandas as pd

    from tasks.detection.onepass import Face
    from tasks.explanation.explainer import Explained

Image = str | Path | NDArray[np.uint8]
WORKSPACE_MODEL = Path("data/model")
SCORES = "data/scores"


@dataclass(frozen=True)
class FacePrediction:
    """What a model says of one face.

    `p_fake` is the calibrated probability of being generated or manipulated; `verdict` is `real`, `fake` or `unsure`,
    and `reason` says why it is unsure (`low_quality`, `unfamiliar`, `borderline`), else None. `distance` is how far the
    face is from those that the model was trained on, None where the model cannot tell. `face` has box, landmarks,
    quality, pose and the crop (`face.rgb`).
    """

    p_fake: float
    verdict: str
    reason: str | None
    distance: float | None
    face: Face

    @property
    def box(self) -> tuple[float, float, float, float]:
        """X, y, width and height in pixels of the upright image."""
        x, y, width, height = self.face.box.tolist()
        return x, y, width, height


@dataclass(frozen=True)
class Prediction:
    """What became of one image, and its faces, the surest first.

    `status` is `ok`, `no_face` or why it has no pixels (`error`). `provenance` is what the file says of its making.
    """

    image: str
    status: str
    error: str
    width: int | None
    height: int | None
    provenance: str | None
    faces: tuple[FacePrediction, ...]


class Model:
    """A verified model, ready to judge faces; `load_model` makes one. It may be used from several threads."""

    def __init__(self, classifier: Classifier) -> None:
        """Hold a classifier that was loaded."""
        self._classifier = classifier

    @property
    def card(self) -> ModelCard:
        """What it was trained on, how it crops, its thresholds and figures."""
        return self._classifier.card

    @property
    def id(self) -> str:
        """The id that its scores are filed under."""
        return self.card.model_id

    def predict(self, images: Image | Iterable[Image], *, threshold: ThresholdRule = "balanced") -> list[Prediction]:
        """Find and judge the faces of images; returns one prediction for each image, in order.

        Args:
            images: one or many: paths of files, or RGB pixels (height, width, 3) uint8.
            threshold: which of the model's thresholds parts real from fake, `balanced` or `false_alarm`.

        Raises:
            FauxfaceError: an array is no RGB picture. A file that cannot be read is a prediction with its status.
        """
        several = _several(images)
        judge = Judge.of(self.card, threshold)
        crop = self.card.crop
        results = faces_of((_member(image) for image in several), crop, "all", shared_detector(crop), 0)
        return [_prediction(result, scores) for result, scores in judged(results, self._classifier, judge)]

    def p_fake(self, crops: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return p_fake (n,) of face crops (side, side, 3) uint8 RGB that were cut out as `card.crop` says."""
        return self._classifier.p_fake(crops)


def load_model(model: str | Path | None = None, *, precision: Precision = "f32") -> Model:
    """Load a model after its files were checked against its card.

    Args:
        model: folder or URL of a model, or `reference`, the one in the package. By default the one in data/model,
            where there is one, else the reference.
        precision: `f32`, or `bf16` on processors that compute it.

    Raises:
        FauxfaceError: there is no model, or a file of it is not what the card says.

    >>> import fauxface
    >>> fauxface.load_model("reference").card.recipe["name"]
    'tuned and default'
    """
    named = None if model is None else str(model)
    return Model(load_classifier(model_named(named, WORKSPACE_MODEL), precision))


def faces(
    source: str | Path | Source | Iterable[Image], *, crop: CropParams | None = None, keep: Keep = "all",
    threads: int = 0,
) -> Iterator[ImageResult]:  # fmt: skip
    """Decode, detect and crop: yield what became of each input, in order, its faces with their crops.

    Args:
        source: a dump as for `open_source` (folder, archive, Parquet; path or URL), one that is open, or images as for
            `Model.predict`.
        crop: how faces are found and cut out; by default as the section `crop` of params.yaml by default.
        keep: which faces of an image: `all`, `largest`, `centre` or `most_confident`.
        threads: 0 means one per core.

    Raises:
        FauxfaceError: there is no such source. A bad member is a result with its status, nothing is left out.
    """
    settings = crop or CropParams()
    detector = shared_detector(settings)
    if isinstance(source, (str, Path)):
        with open_source(source) as opened:
            yield from faces_of(opened.members(), settings, keep, detector, threads)
    else:
        members = source.members() if isinstance(source, Source) else (_member(image) for image in source)
        yield from faces_of(members, settings, keep, detector, threads)


def explain(
    images: Image | Iterable[Image], out: str | Path | None = None, *, model: str | Path | None = None,
    method: str | None = None,
) -> list[list[Explained]]:  # fmt: skip
    """Say where in the faces of images the evidence lies; returns for each image what was found in each of its faces.

    Args:
        images: as for `Model.predict`.
        out: a picture (.png, .jpg) to draw all faces into.
        model: as for `load_model`; a folder on this machine.
        method: as `fauxface explain --method` has them; by default exact where the network has such a map.

    Raises:
        FauxfaceError: there is no such model, or the method does not suit it.
    """
    from tasks.explanation.explainer import explainer_of
    from tasks.explanation.sheet import write_faces

    explainer = explainer_of(model_named(None if model is None else str(model), WORKSPACE_MODEL))
    found = list(faces(_several(images), crop=explainer.card.crop))
    named = [(result.member, face) for result in found for face in result.faces]
    explained = explainer.explain([face.rgb for _, face in named], method)
    if out is not None:
        write_faces(Path(out), named, explained)
    stream = iter(explained)
    return [[next(stream) for _ in result.faces] for result in found]


def score(
    source: str | Path, out: str | Path = SCORES, *, model: str | Path | None = None,
    settings: ScoreParams | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Score a dump as `fauxface score` does, in this process and without Prefect; returns the rows of its scores.

    Parts that are there already are kept, so a call that was cut off goes on where it stopped. One call at a time may
    write an archive's scores.

    Args:
        source: a folder, an archive or Parquet, at a path or URL.
        out: folder or URL of the Parquet data set of scores.
        model: as for `load_model`.
        settings: as the section `score` of params.yaml; by default the defaults.

    Raises:
        FauxfaceError: there is no such source or model.
    """
    from tasks.scoring.archive import score_archive
    from tasks.scoring.model import ModelPlace, card_at
    from tasks.scoring.naming import archive_of

    url = model_named(None if model is None else str(model), WORKSPACE_MODEL)
    card = card_at(url)
    folder = score_archive(
        archive_of(str(source)), ModelPlace.of(url, card), card, str(out), settings or ScoreParams(), CropParams()
    )
    frame: pd.DataFrame = folder.read().to_pandas()
    return frame


def read_scores(scores: str | Path = SCORES, scoring: str | None = None) -> pd.DataFrame:
    """Return the rows of a scoring: docs/reference/columns.md describes the columns.

    Args:
        scores: folder or URL that `score` wrote to.
        scoring: `[MODEL/]ARCHIVE[@DATE]`, each part as far as it tells; by default the newest.

    Raises:
        FauxfaceError: there is no such scoring.
    """
    from tasks.scoring.ledger import ledger
    from tasks.scoring.reference import find_one
    from tasks.scoring.store import ScoreStore

    frame: pd.DataFrame = find_one(ledger(ScoreStore(str(scores))), scoring).folder.read().to_pandas()
    return frame


def _several(images: Image | Iterable[Image]) -> Iterable[Image]:
    return [images] if isinstance(images, (str, Path, np.ndarray)) else images


def _member(image: Image) -> Member:
    """Return an image as a member of a dump; pixels travel as a PNG file, so that they take the way of all others."""
    if not isinstance(image, np.ndarray):
        return read_named(str(image))
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise FauxfaceError(
            f"an image is an array (height, width, 3) of uint8, red first; this one is {image.shape} of {image.dtype}."
        )
    return Member("array", encode_png(image))


def _prediction(result: ImageResult, scores: Sequence[FaceScore]) -> Prediction:
    judged_faces = tuple(
        FacePrediction(score.p_fake, score.answer.verdict, score.answer.reason, score.distance, face)
        for face, score in zip(result.faces, scores, strict=True)
    )
    facts = (result.width, result.height, result.provenance)
    return Prediction(result.member, str(result.status), result.error, *facts, judged_faces)
