"""Commands that look at single images and answer at once: no flow, no Prefect, no TensorFlow."""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.supervisor import supervise
from flows.workspace import MODEL, PARAMS
from tasks.params import CropParams, FauxfaceError, ScoreParams
from tasks.params.section import Section, read_section

if TYPE_CHECKING:
    from tasks.detection.onepass import Face, ImageResult
    from tasks.scoring.classifier import Classifier
    from tasks.scoring.verdict import FaceScore
    from tasks.sources import Member

NAMED_MODEL = (
    "Folder or URL of the model, or `reference`, the package's. By default the workspace's, else the reference."
)
MAX_STEM = 200  # bytes; a file's name has 255, of which number and suffix take some
Images = Annotated[list[str], typer.Argument(metavar="IMAGE", help="Image files.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, one line an image.")]


def detect(
    images: Images,
    draw: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Draw the faces into OUT.jpg or .png; of several images, into a folder OUT."),
    ] = None,
    as_json: AsJson = False,
    min_face: Annotated[
        float | None,
        typer.Option(min=0.001, max=10_000, help="Smallest face: pixels, or below 1 a fraction of the longer side."),
    ] = None,
) -> None:
    """Find the faces of images: box, landmarks, confidence and quality of each.

    Detector and crop are set by the section `crop` of a params.yaml, if there is one here. The exit status is 1 if an
    image cannot be read.
    """
    supervise(repeats=True)
    crop = section("crop", CropParams())
    crop = crop if min_face is None else crop.model_copy(update={"min_face": min_face})
    drawings = _drawings(draw, images)
    failures = 0
    for member, result in looked_at(images, crop):
        faces = [_columns(face) for face in result.faces]
        failures += _say(result, {**_facts(result), "faces": faces}, [_text(face) for face in result.faces], as_json)
        drawing = drawings.popleft() if drawings else None
        if drawing and member.data is not None and not result.error:
            _write_drawing(drawing, member.data, result, crop.max_pixels, quiet=as_json)
    _end(failures)


def predict(
    images: Images,
    model: Annotated[str | None, typer.Option(help=NAMED_MODEL)] = None,
    as_json: AsJson = False,
    explained: Annotated[
        Path | None, typer.Option("--explain", metavar="OUT.png", help="Draw each face with its evidence, too.")
    ] = None,
) -> None:
    """Say of each face in images how likely it is generated or manipulated: real, fake, or unsure and why.

    Threshold and precision are set as in params.yaml (`score`), if there is one here. The exit status is 1 when an
    image cannot be read; an image without a face, or with a fake one, is an answer.
    """
    supervise(repeats=True)
    from tasks.scoring.card import is_packaged, model_named
    from tasks.scoring.card_text import bounds_line, notices
    from tasks.scoring.model import load_model
    from tasks.scoring.predict import predict as judged
    from tasks.scoring.rows import answer_columns, image_columns
    from tasks.scoring.verdict import Judge

    settings = section("score", ScoreParams())
    url = model_named(model, MODEL)
    classifier = load_model(url, settings.precision)
    card, judge = classifier.card, Judge.of(classifier.card, settings.threshold)
    crop = card.crop.model_copy(update={"max_pixels": section("crop", CropParams()).max_pixels})
    said = {"model_id": card.model_id, "threshold": judge.threshold}
    failures = 0
    seen: list[tuple[str, Face]] = []
    for result, scores in judged((result for _, result in looked_at(images, crop)), classifier, judge):
        pairs = list(zip(result.faces, scores, strict=True))
        faces = [{**_columns(face), **answer_columns(score, judge)} for face, score in pairs]
        facts = {**_facts(result), **said, **image_columns(result, scores, settings.verdict, judge), "faces": faces}
        failures += _say(result, facts, [f"{_answer(score)}  {_text(face)}" for face, score in pairs], as_json)
        seen += [(result.member, face) for face in result.faces]
    if explained is not None:
        _draw_evidence(url, classifier, seen, explained)
    if not as_json:
        typer.echo(bounds_line(card, judge))
    for notice in notices(card, packaged=is_packaged(url)):
        typer.echo(notice, err=as_json)
    _end(failures)


def _draw_evidence(url: str, classifier: Classifier, seen: list[tuple[str, Face]], out: Path) -> None:
    """Write a picture of all faces seen with their evidence, by the best method that the model allows."""
    from tasks.explanation.explainer import Explainer
    from tasks.explanation.sheet import write_faces

    write_faces(out, seen, Explainer(Path(url), classifier).explain([face.rgb for _, face in seen]))


def section(name: str, default: Section) -> Section:
    """Return a section of the folder's params.yaml, else the default; one that does not fit is told in a line."""
    section, problem = read_section(PARAMS, name, default)
    if problem:
        print(f"fauxface: {problem}; the defaults are used", file=sys.stderr)  # noqa: T201
    return section


def looked_at(images: list[str], crop: CropParams) -> Iterator[tuple[Member, ImageResult]]:
    """Take files through the one pass, all faces kept; yields each with its bytes, in the order of `images`."""
    from tasks.detection.onepass import faces_of, shared_detector
    from tasks.sources.named import read_named

    waiting: deque[Member] = deque()

    def members() -> Iterator[Member]:
        for path in images:
            waiting.append(read_named(path))
            yield waiting[-1]

    for result in faces_of(members(), crop, "all", shared_detector(crop), 0):
        yield waiting.popleft(), result


def _drawings(out: Path | None, images: list[str]) -> deque[Path]:
    """Return where each image's drawing goes: the file `out`, or files in the folder `out` named after the images."""
    if out is None:
        return deque()
    from tasks.detection.draw import FORMATS

    is_file = bool(out.suffix) and not out.is_dir()
    if is_file and out.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"--draw {out}: is neither a folder nor a name that ends in {', '.join(FORMATS)}.")
    if is_file and len(images) > 1:
        raise typer.BadParameter(f"--draw {out}: one picture for {len(images)} images; name a folder instead.")
    names = [_drawing_name(place, image) for place, image in enumerate(images, 1)]
    drawings = [out] if is_file else [out / name for name in names]
    originals = {Path(image).resolve() for image in images}
    if any(drawing.resolve() in originals for drawing in drawings):
        raise typer.BadParameter(f"--draw {out}: would take an image's place; name another file or folder.")
    return deque(drawings)


def _drawing_name(place: int, image: str) -> str:
    """Name a drawing after its image; its place among the images keeps apart what is cut to a file name's length."""
    stem = os.fsencode(Path(image).stem)[:MAX_STEM]
    return f"{place:03d}-{stem.decode('utf-8', 'ignore')}.jpg"


def _write_drawing(path: Path, data: bytes, result: ImageResult, max_pixels: int, *, quiet: bool) -> None:
    from tasks.detection.draw import write_drawing

    try:
        write_drawing(path, data, result, max_pixels)
    except OSError as error:
        raise FauxfaceError(f"{path}: cannot be written ({error.strerror}). Name another place with --draw.") from None
    if not quiet:
        typer.echo(f"  drawn: {path}")


def _facts(result: ImageResult) -> dict[str, Any]:
    return {
        "image": result.member,
        "status": str(result.status),
        "error": result.error,
        "width": result.width,
        "height": result.height,
        "frames": result.frames,
        "provenance": result.provenance,
    }


def _columns(face: Face) -> dict[str, Any]:
    """Return a face's columns with as many digits as mean something."""
    from tasks.detection.columns import face_columns

    columns = face_columns(face)
    landmarks = [round(value, 2) for value in columns["landmarks"]]
    numbers = {name: round(value, 4) for name, value in columns.items() if isinstance(value, float)}
    return {**columns, **numbers, "landmarks": landmarks}


def _text(face: Face) -> str:
    x, y, width, height = (round(value) for value in face.box.tolist())
    turned = f", found with the image turned by {face.rotation} degrees" if face.rotation else ""
    return f"{width} x {height} at {x}, {y}  confidence {face.confidence:.3f}  quality {face.quality:.2f}{turned}"


def _answer(score: FaceScore) -> str:
    reason = f" ({score.answer.reason})" if score.answer.reason else ""
    return f"{score.answer.verdict}{reason}  p_fake {score.p_fake:.3f}"


def _say(result: ImageResult, facts: dict[str, Any], lines: list[str], as_json: bool) -> bool:
    """Print what was found in an image, and on standard error what is wrong with it; returns whether anything is."""
    failed = bool(result.error)
    if failed:
        print(f"fauxface: {result.member}: {result.status} ({result.error})", file=sys.stderr)  # noqa: T201
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
    elif not failed:
        number = {0: "no face", 1: "1 face"}.get(len(lines), f"{len(lines)} faces")
        typer.echo(f"{result.member}: {number} in {result.width} x {result.height} pixels")
        for line in lines:
            typer.echo(f"  {line}")
        if result.provenance:
            typer.echo(f"  provenance: {result.provenance}")
    return failed


def _end(failures: int) -> None:
    if failures:
        raise typer.Exit(1)
