"""Write docs/reference/commands.md from the command line itself: `python docs/generate.py`, as `make docs` does.

A test compares the committed page with what this writes, so a command or an option cannot stay undocumented.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

PAGE = Path(__file__).parent / "reference" / "commands.md"
HEAD = """# Commands

Generated from the command line (`make docs`); `fauxface COMMAND --help` prints the same.

Exit status: 0 done; 1 something failed; 2 bad usage; 3 scores moved too far (`score --strict`); 128 + the number of the
signal when interrupted. Errors are a line or two on standard error.
"""


def page() -> str:
    """Return the page as Markdown."""
    from flows.cli import app

    return "\n".join([HEAD, *_command(typer.main.get_command(app), "fauxface")]).rstrip() + "\n"


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
