"""The command `fauxface calibrate`: a model's threshold from a user's own photographs. It needs no Prefect server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.images import NAMED_MODEL
from flows.workspace import DOWNLOADS, MODEL, PARAMS
from tasks.params import ScoreParams, load_params

if TYPE_CHECKING:
    from tasks.scoring.card import ModelCard
    from tasks.scoring.photographs import Photographs

OUT = Path("data/model_calibrated")


def calibrate(
    reals: Annotated[str, typer.Option(help="Photographs that are no fakes: a folder, an archive or a URL.")],
    model: Annotated[str | None, typer.Option(help=NAMED_MODEL)] = None,
    false_alarms: Annotated[
        str, typer.Option(metavar="RATE", help="Photographs that may be called fake, as in 1% or 0.01.")
    ] = "1%",
    out: Annotated[Path, typer.Option(help="Folder for the model with the new threshold.")] = OUT,
) -> None:
    """Set a model's threshold by your own photographs: of others like them at most so many will be called fake.

    A photograph is called fake as in a scoring: by its most suspicious face, unless params.yaml says otherwise.
    """
    rate = _rate(false_alarms)
    from tasks.evaluation.own_threshold import calibrated_card, refuse_place, write_calibrated
    from tasks.scoring.card import model_named
    from tasks.scoring.classifier import Classifier
    from tasks.scoring.model import model_on_disk
    from tasks.scoring.photographs import score_photographs
    from tasks.sources import open_source

    settings = load_params(PARAMS).score if PARAMS.exists() else ScoreParams()
    with model_on_disk(model_named(model, MODEL)) as folder:
        refuse_place(out, folder)
        classifier = Classifier.load(folder, precision=settings.precision)
        with open_source(reals, cache=DOWNLOADS) as source:
            found = score_photographs(source, classifier, settings)
        card = calibrated_card(classifier.card, found.p_fake, rate)
        write_calibrated(folder, card, out)
    _say(found, card, out)


def _rate(text: str) -> float:
    """Return the rate that a user asks for, as a percentage or a fraction."""
    written = re.fullmatch(r"\s*(\d*\.?\d+)\s*(%?)\s*", text)
    rate = float(written[1]) / (100 if written[2] else 1) if written else 0.0
    if not 0 < rate <= 0.5:
        raise typer.BadParameter(f"--false-alarms {text}: is no rate up to 50 %, as in 1% or 0.01.")
    return rate


def _say(found: Photographs, card: ModelCard, out: Path) -> None:
    assert card.calibrated is not None  # noqa: S101 (for mypy: the card was just calibrated)
    own = card.calibrated
    statuses = ", ".join(f"{count:,} {status}" for status, count in sorted(found.status.items()))
    copies = f", {found.copies:,} of them copies of another" if found.copies else ""
    low, high = (100 * value for value in own.interval)
    typer.echo(f"{sum(found.status.values()):,} inputs = {statuses}{copies}")
    typer.echo(
        f"threshold {card.threshold:.4f} from {own.photographs:,} photographs with a face: it calls "
        f"{own.false_alarms:,} of them fake, {100 * own.false_alarms / own.photographs:.1f} % "
        f"(95 % interval {low:.1f} to {high:.1f} %); of others like them at most {100 * own.rate:g} % on average"
    )
    if found.unjudged:
        typer.echo(
            f"{found.unjudged:,} of them are unsure wherever the threshold lies: unlike what the model was trained on, "
            "or too poor to judge"
        )
    typer.echo(f"model {card.model_id}, made of {own.from_model}: {out}; use it with --model {out}")
