"""Write what the reference has from the code itself: `python docs/generate.py`, as `make docs` does.

The page of commands comes from the command line, the JSON Schemas of reports/*.json from the shapes that the report
reads them by. A test compares what is committed with what this writes, so nothing of it can stay undocumented.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

PAGE = Path(__file__).parent / "reference" / "commands.md"
SCHEMAS = Path(__file__).parent / "reference" / "schemas"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
HEAD = """# Commands

Generated from the command line (`make docs`); `fauxface COMMAND --help` prints the same.

Exit status: 0 done; 1 something failed; 2 bad usage; 3 scores moved too far (`score --strict`); 128 + the number of the
signal when interrupted. Errors are a line or two on standard error.
"""


def page() -> str:
    """Return the page as Markdown."""
    from flows.cli import app

    return "\n".join([HEAD, *_command(typer.main.get_command(app), "fauxface")]).rstrip() + "\n"


def schemas() -> dict[str, str]:
    """Return the JSON Schemas of the reports, by the names of their files."""
    from tasks.reporting import evaluation_schemas, report_schemas

    found = {
        "crop": report_schemas.CropReport,
        "split": report_schemas.SplitReport,
        "train": report_schemas.TrainReport,
        "evaluate": evaluation_schemas.EvaluateReport,
        "score": report_schemas.ScoreReport,
        "detector": evaluation_schemas.DetectorReport,
    }
    described = {name: {"$schema": DRAFT, **shape.model_json_schema()} for name, shape in found.items()}
    return {f"{name}.json": json.dumps(each, indent=1, sort_keys=True) + "\n" for name, each in described.items()}


def _command(command: Any, name: str) -> Iterator[str]:
    commands = getattr(command, "commands", None)
    if commands is not None:
        for sub, entry in commands.items():
            yield from _command(entry, f"{name} {sub}")
        return
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([name, *("[OPTIONS]" for _ in options[:1]), *(_usage(argument) for argument in arguments)])
    yield f"## {name}\n\n    {usage}\n\n{' '.join((command.help or '').split())}\n"
    if arguments or options:
        yield "| | | default |\n|---|---|---|"
        for parameter in (*arguments, *options):
            yield _row(parameter)
        yield ""


def _usage(argument: Any) -> str:
    name = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _row(parameter: Any) -> str:
    names = ", ".join(f"`{opt}`" for opt in (*parameter.opts, *parameter.secondary_opts))
    shown = names if parameter.param_type_name == "option" else f"`{parameter.name.upper()}`"
    default = parameter.default if isinstance(parameter.default, (str, int, float, Path)) else None
    text = "" if default is None or isinstance(default, bool) else f"`{default}`"
    return f"| {shown} | {' '.join((parameter.help or '').split())} | {text} |".replace("|  |", "| |")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMAS.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")
