"""`fauxface explain`: where in faces a model finds its evidence, in images or in the test faces of a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.images import NAMED_MODEL, looked_at, section
from flows.run_stage import run_stage
from flows.supervisor import supervise
from flows.workspace import MODEL, PARAMS
from tasks.params import CropParams
from tasks.params.models import EXPLAIN_METHODS

if TYPE_CHECKING:
    from tasks.detection.onepass import Face

_CHOICES = ("errors", "borderline", "confident")


def explain(
    images: Annotated[list[str] | None, typer.Argument(metavar="[IMAGE...]", help="Image files.")] = None,
    of: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="KIND", help=f"Of the test faces, one of {', '.join(_CHOICES)}; repeatable."),
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="All kinds of test faces, as the stage does.")] = False,
    method: Annotated[
        str, typer.Option(help=f"{', '.join(EXPLAIN_METHODS)}. best: exact where there is one.")
    ] = "best",
    layer: Annotated[
        str | None, typer.Option(help="Convolution of gradcam, hirescam and features; by default the last.")
    ] = None,
    model: Annotated[str | None, typer.Option(help=NAMED_MODEL)] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Picture (.png, .jpg) of the images; folder of the test faces' sheets.", show_default=False),
    ] = None,
    faces: Annotated[int | None, typer.Option(min=1, help="Test faces of each kind.", show_default=False)] = None,
    checked: Annotated[
        bool, typer.Option("--check", help="Check on some of the test faces whether to believe the maps.")
    ] = False,
    params: Annotated[Path, typer.Option("--params", help="The settings of the workspace.")] = PARAMS,
) -> None:
    """Draw where in faces the evidence lies: orange speaks for fake, blue for real.

    With IMAGE the faces in these files, into explained.png; with --from test faces of this workspace, into
    reports/explain, with the arrays behind the sheets (npz).
    """
    if bool(images) == bool(of or test):
        raise typer.BadParameter("Name images, or test faces by --from errors (borderline, confident); not both")
    wrong = [each for each in of or () if each not in _CHOICES]
    if wrong:
        raise typer.BadParameter(f"--from {wrong[0]}: is none of {', '.join(_CHOICES)}")
    chosen = _method(method)
    if images:
        explain_images(images, chosen, model, layer, out or Path("explained.png"))
        return
    from tasks.explanation.check_text import check_lines

    kinds = list(_CHOICES) if test else list(of or ())
    wanted = {
        "kinds": kinds,
        "method": chosen,
        "layer": layer,
        "out": out,
        "model": model,
        "most": faces,
        "checked": checked,
    }
    report = run_stage("explain", params_file=params, **wanted)
    counts = ", ".join(f"{count} {kind}" for kind, count in report["kinds"].items())
    typer.echo(f"{counts}; by {report['method']}: {report['out']}")
    for line in check_lines(report["checks"]):
        typer.echo(line)


def explain_images(images: list[str], method: str | None, model: str | None, layer: str | None, out: Path) -> None:
    """Write one picture of all faces in image files with their evidence; says of each what it says."""
    supervise(repeats=True)
    from tasks.explanation.explainer import explainer_of
    from tasks.explanation.sheet import write_faces
    from tasks.scoring.card import is_packaged, model_named
    from tasks.scoring.card_text import notices

    explainer = explainer_of(model_named(model, MODEL), layer)
    crop = explainer.card.crop.model_copy(update={"max_pixels": section("crop", CropParams()).max_pixels})
    named: list[tuple[str, Face]] = []
    failures = 0
    for _, result in looked_at(images, crop):
        failures += bool(result.error)
        if result.error:
            typer.echo(f"fauxface: {result.member}: {result.status} ({result.error})", err=True)
        elif not result.faces:
            typer.echo(f"{result.member}: no face")
        named += [(result.member, face) for face in result.faces]
    explained = explainer.explain([face.rgb for _, face in named], method)
    if explained:
        write_faces(out, named, explained)
        faces = "1 face" if len(explained) == 1 else f"{len(explained)} faces"
        typer.echo(f"{faces} by {explained[0].method}: {out}")
    for notice in notices(explainer.card, packaged=is_packaged(str(explainer.folder))):
        typer.echo(notice)
    if failures:
        raise typer.Exit(1)


def _method(name: str) -> str | None:
    if name not in EXPLAIN_METHODS:
        raise typer.BadParameter(f"--method {name}: is none of {', '.join(EXPLAIN_METHODS)}")
    return None if name == "best" else name
