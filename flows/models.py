"""The commands `fauxface model ...`: what a model is. They need no Prefect server."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.images import NAMED_MODEL
from flows.workspace import MODEL

app = typer.Typer(help="Say what a model is.", no_args_is_help=True)


@app.callback()
def models() -> None:
    """Say what a model is."""


@app.command()
def card(
    model: Annotated[str | None, typer.Argument(help=NAMED_MODEL)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The card's file as it is.")] = False,
) -> None:
    """Print a model's card: what it is for and not for, how it does on unseen origins, what it was trained on."""
    from tasks.scoring.card import model_named
    from tasks.scoring.card_text import card_lines
    from tasks.scoring.model import card_at

    found = card_at(model_named(model, MODEL))
    typer.echo(found.model_dump_json(indent=2) if as_json else "\n".join(card_lines(found)))
