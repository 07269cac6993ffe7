"""The documentation is complete: a setting, command, status or column without a word about it fails here."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from tasks.evaluation.predictions import PREDICTIONS
from tasks.manifests.schemas import SCORES
from tasks.params import Params
from tasks.sources.status import Status

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Mappings from names of the user's choice: their entries' keys stand under these names.
ENTRIES = {"datasets": "DATASET", "score.archives": "ARCHIVE"}


def test_every_setting_is_in_the_reference() -> None:
    documented = set(re.findall(r"`([^`]+)`", _first_cells(_text("reference/settings.md"))))
    missing = [key for key in _keys(Params) if key not in documented]
    assert not missing


def test_the_reference_names_no_setting_that_is_gone() -> None:
    known = set(_keys(Params))
    documented = re.findall(r"`([a-zA-Z_.]+)`", _first_cells(_text("reference/settings.md")))
    assert [key for key in documented if key not in known] == []


def test_every_status_is_in_the_reference() -> None:
    assert re.findall(r"^\| `(\w+)`", _text("reference/statuses.md"), re.M) == [str(status) for status in Status]


def test_every_score_column_is_in_the_reference() -> None:
    scores = _text("reference/columns.md").partition("\n## ")[0]
    assert set(re.findall(r"`(\w+)`", _first_cells(scores))) == set(SCORES.names)


def test_every_column_of_the_predictions_is_described_as_its_schema_does() -> None:
    text = _text("reference/columns.md").partition("## Predictions")[2]
    rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in text.splitlines() if "| `" in line]
    assert rows == [
        (f"`{field.name}`", str(field.type), field.metadata[b"description"].decode()) for field in PREDICTIONS
    ]


def test_the_schemas_are_those_of_the_reports() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "reference/schemas").iterdir()}
    assert found == _generator().schemas()


def test_the_page_of_commands_is_that_of_the_command_line() -> None:
    assert _text("reference/commands.md") == _generator().page()


def test_the_pages_build_without_a_broken_link(tmp_path: Path) -> None:
    mkdocs = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(mkdocs, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_at_the_root_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (ROOT / link).exists()] == []


def _text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def _first_cells(text: str) -> str:
    return "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| "))


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted key of every setting that has a value of its own."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        inner = [found for found in _models(field.annotation) if found is not model]
        if not inner:
            if name != "name" or not prefix:
                yield key
            continue
        for found in inner:
            yield from _keys(found, f"{ENTRIES.get(key, key)}.")


def _models(hint: Any) -> Iterator[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    for argument in getattr(hint, "__args__", ()):
        yield from _models(argument)


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
