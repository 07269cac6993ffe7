"""Commands that look at single images and answer at once: no flow, no Prefect, no TensorFlow."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.supervisor import supervise
from flows.workspace import MODEL, PARAMS
from tasks.params import CropParams, FauxfaceError, ScoreParams, load_params

if TYPE_CHECKING:
    from tasks.detection.onepass import Face, ImageResult
    from tasks.sources import Member

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

    Detector and crop are set as in params.yaml, if there is one here. The exit status is 1 if an image cannot be read.
    """
    supervise(repeats=True)
    crop = _crop_params()
    crop = crop if min_face is None else crop.model_copy(update={"min_face": min_face})
    drawings = _drawings(draw, images)
    failures = 0
    for member, result in _looked_at(images, crop):
        faces = [_columns(face) for face in result.faces]
        failures += _say(result, {**_facts(result), "faces": faces}, [_text(face) for face in result.faces], as_json)
        drawing = drawings.popleft() if drawings else None
        if drawing and member.data is not None and not result.error:
            _write_drawing(drawing, member.data, result, crop.max_pixels, quiet=as_json)
    _end(failures)


def predict(
    images: Images,
    model: Annotated[Path, typer.Option(help="Folder of the model.")] = MODEL,
    as_json: AsJson = False,
) -> None:
    """Say of each face in images how likely it is generated or manipulated.

    Threshold and precision are set as in params.yaml (`score`), if there is one here. The exit status is 1 when an
    image cannot be read; an image without a face, or with a fake one, is an answer.
    """
    supervise(repeats=True)
    from tasks.scoring.classifier import Classifier
    from tasks.scoring.predict import predict as p_fake_of

    settings = load_params(PARAMS).score if PARAMS.exists() else ScoreParams()
    classifier = Classifier.load(model, precision=settings.precision)
    card = classifier.card
    threshold = card.threshold_by(settings.threshold)
    failures = 0
    for result, scores in p_fake_of((result for _, result in _looked_at(images, card.crop)), classifier):
        verdicts = [{"p_fake": score, "is_fake": score >= threshold} for score in scores]
        faces = [{**_columns(face), **verdict} for face, verdict in zip(result.faces, verdicts, strict=True)]
        facts = {**_facts(result), "model_id": card.model_id, "threshold": threshold, "faces": faces}
        lines = [
            f"{'fake' if verdict['is_fake'] else 'real'}  p_fake {verdict['p_fake']:.3f}  {_text(face)}"
            for face, verdict in zip(result.faces, verdicts, strict=True)
        ]
        failures += _say(result, facts, lines, as_json)
    if not as_json:
        typer.echo(f"model {card.model_id}: fake from p_fake {threshold:.3f} up")
    _end(failures)


def _crop_params() -> CropParams:
    return load_params(PARAMS).crop if PARAMS.exists() else CropParams()


def _looked_at(images: list[str], crop: CropParams) -> Iterator[tuple[Member, ImageResult]]:
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
    names = [f"{place:03d}-{Path(image).stem}.jpg" for place, image in enumerate(images, 1)]
    drawings = [out] if is_file else [out / name for name in names]
    originals = {Path(image).resolve() for image in images}
    if any(drawing.resolve() in originals for drawing in drawings):
        raise typer.BadParameter(f"--draw {out}: would take an image's place; name another file or folder.")
    return deque(drawings)


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
    return failed


def _end(failures: int) -> None:
    if failures:
        raise typer.Exit(1)
