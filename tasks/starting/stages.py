"""The stages of a dvc.yaml, each with command, dependencies, settings and outputs, as DVC would resolve them.

Only as much of DVC's language as workspaces use: `foreach` over a part of params.yaml, and `${...}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tasks.params import FauxfaceError

_REFERENCE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Stage:
    """One stage: its name as in dvc.lock (`crop@faces`), command, paths of inputs and outputs, keys of params.yaml."""

    name: str
    cmd: str
    deps: Sequence[str]
    params: Sequence[str]
    outs: Sequence[str]


def read_stages(dvc_file: Path, params: Mapping[str, Any]) -> list[Stage]:
    """Return the stages of a dvc.yaml in its order; raises FauxfaceError when it cannot be read."""
    try:
        content = yaml.safe_load(dvc_file.read_text(encoding="utf-8"))
        return [stage for name, entry in content["stages"].items() for stage in _stages(name, entry, params)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise FauxfaceError(
            f"{dvc_file}: cannot be read as stages ({type(error).__name__}: {error}). `fauxface init` writes one."
        ) from None


def _stages(name: str, entry: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[Stage]:
    if "foreach" not in entry:
        yield _stage(name, entry, params)
        return
    items = entry["foreach"]
    if isinstance(items, str):
        items = value_of(params, _REFERENCE.fullmatch(items.strip())[1])  # type: ignore[index]
    pairs = items.items() if isinstance(items, Mapping) else ((each, each) for each in items)
    for key, item in pairs:
        yield _stage(f"{name}@{key}", entry["do"], {**params, "key": key, "item": item})


def _stage(name: str, entry: Mapping[str, Any], scope: Mapping[str, Any]) -> Stage:
    def resolved(text: object) -> str:
        path = next(iter(text)) if isinstance(text, Mapping) else text
        return _REFERENCE.sub(lambda found: str(value_of(scope, found[1].strip())), str(path))

    parts = {key: [resolved(each) for each in entry.get(key) or ()] for key in ("deps", "params", "outs")}
    return Stage(name, resolved(entry["cmd"]), parts["deps"], parts["params"], parts["outs"])


def value_of(settings: Mapping[str, Any], key: str) -> Any:
    """Return the value at a dotted key; None where there is none."""
    found: Any = settings
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
