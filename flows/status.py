"""The commands `fauxface status` and `fauxface check`: how a workspace stands, and whether a run would go well."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.workspace import DOWNLOADS, DVC_FILE, LOCK_FILE, PARAMS, REPORTS


def status() -> None:
    """Say what is up to date, what `dvc repro` would run and why, what the last run found, and where the report is."""
    from tasks.params import load_params
    from tasks.starting.standing import NEVER_RAN, standings

    load_params(PARAMS)
    found = standings(DVC_FILE, LOCK_FILE, PARAMS)
    due = [each for each in found if not each.up_to_date]
    if LOCK_FILE.is_file():
        last = datetime.fromtimestamp(LOCK_FILE.stat().st_mtime).astimezone().isoformat(sep=" ", timespec="minutes")
        typer.echo(f"{len(found) - len(due)} of {len(found)} stages are up to date; last run: {last}")
    else:
        typer.echo(f"{len(found)} stages, none of which has run yet")
    new = [each.stage for each in due if each.reasons == [NEVER_RAN]]
    for each in due:
        if each.stage not in new:
            typer.echo(f"  {each.stage} would run: {'; '.join(each.reasons) or f'after {each.after}'}")
    if new:
        typer.echo(f"  not run yet: {', '.join(new)}")
    for line in _found():
        typer.echo(line)
    page = REPORTS / "index.html"
    typer.echo(f"report: {page.absolute()}" if page.is_file() else "report: not written yet")
    typer.echo("`dvc repro` runs what is due" if due else "nothing to do")


def check(params: Annotated[Path, typer.Option("--params", help="The settings of the workspace.")] = PARAMS) -> None:
    """Check all that can be known without looking for a face: settings, sources, labels, sides, disk, memory, time.

    The exit status is 1 when a run would fail.
    """
    from tasks.params import load_params
    from tasks.starting.check import check as look

    found = look(load_params(params), params, DVC_FILE, REPORTS, DOWNLOADS)
    for line in found.lines:
        typer.echo(line)
    for note in found.notes:
        typer.echo(f"note: {note}")
    for problem in found.problems:
        print(f"fauxface: {problem}", file=sys.stderr)  # noqa: T201
    if found.problems:
        raise typer.Exit(1)
    typer.echo("Nothing speaks against `dvc repro`.")


def _found() -> list[str]:
    """Return what the reports say of the last run: the model, how it did on each data set, what was scored."""
    lines = []
    train, evaluate, score = (_read(name) for name in ("train.json", "evaluate.json", "score.json"))
    if train:
        lines.append(f"model: {train.get('model_id')}, recipe {train.get('recipe')}")
    for name, rows in evaluate.get("datasets", {}).items():
        auc = rows.get("roc_auc")
        compared = "one class" if auc is None else f"AUC {auc:.3f}"
        lines.append(f"  {name}: {rows.get('n'):,} test faces, accuracy {rows.get('accuracy'):.3f}, {compared}")
    for name, counts in score.get("archives", {}).items():
        lines.append(
            f"  scored {name}: {counts.get('inputs'):,} inputs, {counts.get('fake_images'):,} images called fake"
        )
    return lines


def _read(name: str) -> dict[str, Any]:
    """Return a report's content; nothing where there is none that can be read."""
    try:
        content = json.loads((REPORTS / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
