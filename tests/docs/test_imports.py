"""Imports run one way: no circle of files, no flow in a task, no Prefect in a task."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for top in ("fauxface", "flows", "tasks")
    for path in (ROOT / top).rglob("*.py")
}


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, in functions too, but for those that are for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unused = {id(node) for each in ast.walk(tree) if _for_types(each) for node in ast.walk(each)}
    for node in ast.walk(tree):
        if id(node) in unused:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in FILES else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_no_files_import_each_other_in_a_circle() -> None:
    needs = {name: {each for each in imports(path) if each in FILES and each != name} for name, path in FILES.items()}
    assert sum(map(len, needs.values())) > 500
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_a_task_imports_neither_prefect_nor_a_flow() -> None:
    wrong = [
        (name, found)
        for name, path in FILES.items()
        if name.startswith("tasks")
        for found in imports(path)
        if found.split(".")[0] in ("prefect", "flows", "fauxface")
    ]
    assert not wrong
