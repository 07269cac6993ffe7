"""Read params.yaml into its models, with errors that name the key, the value and what is allowed."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tasks.params.errors import FauxfaceError
from tasks.params.models import Params
from tasks.params.plain_yaml import read_yaml


def load_params(path: Path) -> Params:
    """Return the settings in `path`.

    Raises FauxfaceError when the file is missing, is no YAML, or holds a key or value that is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FauxfaceError(
            f"{path}: cannot be read ({error.strerror}). Run the command in a workspace (`fauxface init` makes one), "
            "or name the file with --params."
        ) from None
    except UnicodeDecodeError as error:
        raise FauxfaceError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}).") from None
    return parse_params(read_yaml(text, str(path)), str(path))


def parse_params(content: object, where: str) -> Params:
    """Return `content`, the parsed YAML of the file `where`, as settings; raises FauxfaceError."""
    if not isinstance(content, dict):
        raise FauxfaceError(f"{where}: holds no settings; expected keys: {', '.join(Params.model_fields)}.")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        problems = [_sentence(detail) for detail in error.errors(include_url=False)]
        raise FauxfaceError("\n".join(f"{where}: {problem}" for problem in problems)) from None


def _sentence(detail: ErrorDetails) -> str:
    """Say one problem as: key, what is wrong, the value, what is allowed."""
    location = [part for part in detail["loc"] if part not in _RULES]
    key = _dotted(location)
    if detail["type"] == "extra_forbidden":
        return _unknown_key(location, key)
    message = detail["msg"].removeprefix("Value error, ")
    if not location:
        return f"{message}."
    if detail["type"] == "missing":
        return f"{key}: is missing and has no default."
    if detail["type"] == "union_tag_not_found":
        return f"{key}: needs a `rule` that says which kind it is, as in {{rule: folder}}."
    if detail["type"] == "string_type" and isinstance(detail["input"], (bool, int, float, date)):
        return f"{key}: YAML reads this value as {_shown(detail['input'])}, no text: put it in quotes."
    return f"{key}: {message[:1].lower()}{message[1:]} (the value is {_shown(detail['input'])})."


def _unknown_key(location: list[int | str], key: str) -> str:
    allowed = _allowed_keys(location[:-1])
    close = difflib.get_close_matches(str(location[-1]), allowed, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    listed = f" Allowed here: {', '.join(allowed)}." if allowed else ""
    return f"{key}: unknown key.{hint}{listed}"


_RULES = {"folder", "constant", "csv", "column", "none", "regex"}  # union tags that pydantic puts into a location


def _allowed_keys(location: list[int | str]) -> list[str]:
    """Return the keys of the model at `location`; of all its variants where the kind depends on a rule."""
    models: list[type[BaseModel]] = [Params]
    for part in location:
        if any(part in model.model_fields for model in models):  # else a list's index or a mapping's key
            models = [found for model in models for found in _models_in(model, str(part))]
    return sorted({name for model in models for name in model.model_fields} - {"name"})


def _models_in(model: type[BaseModel], field: str) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    pending: list[Any] = [model.model_fields[field].annotation] if field in model.model_fields else []
    while pending:
        hint = pending.pop()
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            found.append(hint)
        pending.extend(getattr(hint, "__args__", ()))
    return found


def _dotted(location: list[int | str]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "params"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
