"""One section of a params.yaml that may be another project's: what looks at single images needs no workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from tasks.params.frozen import Frozen
from tasks.params.load import load_params
from tasks.params.models import Params

Section = TypeVar("Section", bound=Frozen)


def read_section(path: Path, name: str, default: Section) -> tuple[Section, str]:
    """Return the section `name` of the file, or the default, and why it is the default although there is a section.

    A file that is ours, since it names data sets and nothing that is no setting of ours, is read whole: a mistake in
    it is a FauxfaceError, as everywhere.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default, ""
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return default, f"{path}: cannot be read ({type(error).__name__})"
    if not isinstance(content, dict) or name not in content:
        return default, ""
    if "datasets" in content and set(content) <= set(Params.model_fields):
        return getattr(load_params(path), name), ""
    try:
        return type(default).model_validate(content[name]), ""
    except ValidationError as error:
        return default, f"{path}: its section `{name}` is none of fauxface's ({_first(error)})"


def _first(error: ValidationError) -> str:
    """Return the first thing that is wrong, in a line."""
    found = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, found['loc'])) or 'it'}: {found['msg']}"
