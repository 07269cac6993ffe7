"""The tutorial's commands run as they stand there, in one folder, and print what it says they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.flows.conftest import Workspace

PAGE = Path(__file__).parents[2] / "docs/tutorial.md"


def transcript(text: str) -> list[tuple[str, str]]:
    """Return each command of the page's consoles, with the output that follows it there."""
    found = []
    for console in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, _, said = part.partition("\n")
            found.append((command, said))
    return found


def test_every_command_and_what_it_prints_is_found() -> None:
    page = "a\n```console\n$ one --two\nsaid\nmore\n$ three\n```\nb\n```console\n$ cd four\n```\n"
    assert transcript(page) == [("one --two", "said\nmore\n"), ("three", ""), ("cd four", "")]


@pytest.mark.slow  # the whole pipeline on the sample, and a part of it again
def test_the_tutorial_does_what_it_says(tmp_path: Path, environment: dict[str, str], server: str) -> None:
    workspace = Workspace(tmp_path, {**environment, "PREFECT_API_URL": server})
    commands = transcript(PAGE.read_text(encoding="utf-8"))
    assert len(commands) > 8
    for command, said in commands:
        words = shlex.split(command)
        if words[0] == "cd":
            workspace = Workspace(workspace / words[1], workspace.environment)
            continue
        assert said in workspace.run(*words).stdout, command
    assert (workspace / "reports/index.html").is_file()
    assert (workspace / "dump.csv").is_file()
    assert list((workspace / "data/scores").rglob("*.parquet"))
