"""Does DVC watch the tables beside the dumps? A corrected label must not be skipped as up to date."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tasks.params import FauxfaceError

_COMMAND = re.compile(r"\bfauxface\s+split\b")
_REFERENCE = re.compile(r"\$\{([^}]+)\}")


def require_watched(files: Sequence[Path], dvc_file: Path, params_file: Path) -> None:
    """Raise FauxfaceError for a file that `dvc_file`'s stage `split` does not depend on; the message says what to add.

    Nothing is asked where there is no such file or stage: then nobody skips the split.
    """
    if not files or not dvc_file.is_file():
        return
    content, params = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (dvc_file, params_file))
    for stage in _split_stages(content):
        base = dvc_file.parent / str(stage.get("wdir", "."))
        deps = [(base / path).resolve() for path in _deps(stage, params)]
        missing = [file for file in dict.fromkeys(files) if not _among(file.resolve(), deps)]
        if missing:
            listed = "\n".join(f"    - {file}" for file in missing)
            raise FauxfaceError(
                f"{dvc_file}: the stage `split` does not depend on {', '.join(map(str, missing))}, so `dvc repro` "
                f"would not notice when labels change there. Add to the stage:\n    deps:\n{listed}"
            )


def _split_stages(content: object) -> Iterator[Mapping[str, Any]]:
    stages = content.get("stages") if isinstance(content, dict) else None
    for stage in (stages if isinstance(stages, dict) else {}).values():
        if isinstance(stage, dict) and any(_COMMAND.search(command) for command in _commands(stage)):
            yield stage


def _commands(stage: Mapping[str, Any]) -> list[str]:
    command = stage.get("cmd", "")
    return [str(part) for part in command] if isinstance(command, list) else [str(command)]


def _deps(stage: Mapping[str, Any], params: object) -> Iterator[str]:
    """Yield the paths of a stage's dependencies; `${datasets.faces.label.file}` is looked up in the settings."""
    for dep in stage.get("deps") or ():
        path = next(iter(dep)) if isinstance(dep, dict) and dep else dep
        yield _REFERENCE.sub(lambda found: str(_value(params, found[1].strip())), str(path))


def _value(params: object, key: str) -> object:
    for part in key.split("."):
        params = params.get(part) if isinstance(params, dict) else None
    return params


def _among(file: Path, deps: Sequence[Path]) -> bool:
    return any(file == dep or dep in file.parents for dep in deps)
