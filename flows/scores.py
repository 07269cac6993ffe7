"""The commands `fauxface scores ...`: what is scored, in which form, and what changed. They need no Prefect server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.workspace import DOWNLOADS, PARAMS, REPORTS, SCORES
from tasks.params import FauxfaceError

if TYPE_CHECKING:
    from tasks.scoring.ledger import Scoring

NAMED = "A scoring as [MODEL/]ARCHIVE[@DATE], each part or its beginning; the newest that fits."
app = typer.Typer(help="List, export, show and compare scores.", no_args_is_help=True)
ScoresRoot = Annotated[str, typer.Option("--scores", help="Folder or URL of the Parquet data set of scores.")]


@app.command("list")
def list_scores(
    scores: ScoresRoot = str(SCORES),
    as_json: Annotated[bool, typer.Option("--json", help="Everything that is known, as JSON.")] = False,
) -> None:
    """List what is scored, by which model, how completely."""
    from tasks.scoring.text import ledger_lines

    found = _ledger(scores)
    if as_json:
        typer.echo(json.dumps([each.facts() for each in found], indent=2, ensure_ascii=False))
    elif found:
        _echo(ledger_lines(found))
    else:
        typer.echo(f"Nothing is scored in {scores} yet.")


@app.command()
def export(
    archive: Annotated[str, typer.Argument(help=NAMED)],
    csv: Annotated[Path | None, typer.Option(help="Write CSV with a header to this file.")] = None,
    jsonl: Annotated[Path | None, typer.Option(help="Write JSON Lines to this file.")] = None,
    images: Annotated[bool, typer.Option("--images", help="A row per image with its verdict, not per face.")] = False,
    scores: ScoresRoot = str(SCORES),
) -> None:
    """Write the scores of an archive as CSV or JSON Lines."""
    from tasks.scoring.export import export_csv, export_jsonl

    if csv is None and jsonl is None:
        raise FauxfaceError("nothing to write: give --csv FILE or --jsonl FILE.")
    scoring = _find(scores, archive)
    for path, write in ((csv, export_csv), (jsonl, export_jsonl)):
        if path is not None:
            typer.echo(f"{path}: {write(scoring.folder, path, images):,} rows of {scoring}")


@app.command()
def show(
    archive: Annotated[str | None, typer.Argument(help=f"{NAMED} Without it, the newest of all.")] = None,
    top: Annotated[int, typer.Option(min=1, max=10_000, help="How many faces.")] = 50,
    sheet: Annotated[Path | None, typer.Option(help="Draw these faces on a contact sheet, .jpg or .png.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the archive lies now, if it has moved.")] = None,
    scores: ScoresRoot = str(SCORES),
) -> None:
    """Show the most suspicious faces of an archive, as a table and as a picture."""
    from tasks.scoring.suspicious import suspicious_faces
    from tasks.scoring.text import face_lines

    scoring = _find(scores, archive)
    faces = suspicious_faces(scoring.folder, top)
    typer.echo(f"{scoring}: the {len(faces)} most suspicious of {scoring.faces:,} faces")
    _echo(face_lines(faces))
    if sheet is not None:
        _draw(sheet, scoring, faces, source)
        typer.echo(f"contact sheet: {sheet}")


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help=f"{NAMED} MODEL alone where B names the archive.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The other scoring of the same archive.")],
    scores: ScoresRoot = str(SCORES),
    params: Annotated[Path, typer.Option("--params", help="The settings: `score.compare` says what is much.")] = PARAMS,
) -> None:
    """Compare two scorings of an archive: by two models, or before and after it changed."""
    from tasks.params import CompareParams, load_params
    from tasks.scoring.compare import compare as compare_scorings
    from tasks.scoring.compare import comparison_folder
    from tasks.scoring.reference import find_pair
    from tasks.scoring.text import comparison_lines

    limits = load_params(params).score.compare if params.is_file() else CompareParams()
    a, b = find_pair(_ledger(scores), first, second)
    _echo(comparison_lines(compare_scorings(a, b, limits, REPORTS)))
    typer.echo(f"written to {comparison_folder(a, b, REPORTS)}; `fauxface report` shows it")


def _ledger(scores: str) -> list[Scoring]:
    from tasks.scoring.ledger import ledger
    from tasks.scoring.store import ScoreStore

    return ledger(ScoreStore(scores))


def _find(scores: str, reference: str | None) -> Scoring:
    from tasks.scoring.reference import find_one

    scoring = find_one(_ledger(scores), reference)
    if not scoring.complete:
        typer.echo(f"fauxface: {scoring} is not completely scored ({scoring.inputs:,} inputs so far).", err=True)
    return scoring


def _draw(sheet: Path, scoring: Scoring, faces: list[dict[str, object]], source: str | None) -> None:
    from tasks.scoring.sheet import SIDE, write_sheet
    from tasks.scoring.suspicious import read_faces
    from tasks.sources import open_source

    where = source or (scoring.record.source if scoring.record else None)
    if where is None:
        raise FauxfaceError(f"{scoring}: nobody noted where the archive lies; name it with --source.")
    with open_source(where, cache=DOWNLOADS) as opened:
        write_sheet(sheet, faces, read_faces(opened, faces, SIDE))


def _echo(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)
