"""YAML whose names are what they look like: none twice, and none that a reader takes for something else than text."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tasks.params.errors import FauxfaceError

_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
# What YAML 1.2, which DVC reads, takes for a number though YAML 1.1, which this does, does not: 1e3, 0o17.
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|0o[0-7]+|0x[0-9a-fA-F]+")


def read_yaml(text: str, where: str) -> Any:
    """Return the content of `text`, the YAML of the file `where`.

    Raises FauxfaceError when it is no YAML, when a mapping has a name twice, or when an unquoted name is no text for
    YAML (no, on, 2024, 1e3, a date); the message gives the lines.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _check(node, where, set())
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FauxfaceError(f"{where}: is no valid YAML: {error}") from None
    except (ValueError, RecursionError) as error:  # a date such as 2024-13-45, or nesting without end
        raise FauxfaceError(f"{where}: is no valid YAML: {error}") from None


def _check(node: yaml.Node, where: str, seen: set[int]) -> None:
    """Look at the names of a mapping and of all below it; an aliased part is looked at once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        _check_names([key for key, _ in node.value], where)
    if isinstance(node, yaml.CollectionNode):
        for child in node.value:
            for part in child if isinstance(child, tuple) else (child,):
                _check(part, where, seen)


def _check_names(keys: list[yaml.Node], where: str) -> None:
    lines: dict[str, int] = {}
    for key in keys:
        name, line = str(key.value), key.start_mark.line + 1
        if isinstance(key, yaml.ScalarNode) and key.style is None and not _is_text(key):
            raise FauxfaceError(
                f"{where}: line {line}: YAML does not read the name {name} as text. Put it in quotes: '{name}'."
            )
        if name in lines:
            raise FauxfaceError(
                f"{where}: the name {name!r} stands twice in one place, in line {lines[name]} and in line {line}, and "
                "only one would count. Remove or rename one of them."
            )
        lines[name] = line


def _is_text(key: yaml.ScalarNode) -> bool:
    return key.tag == _MERGE or (key.tag == _TEXT and not _NUMBER.fullmatch(str(key.value)))
