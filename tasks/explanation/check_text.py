"""What the checks of a method say, in lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def check_lines(checks: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield what stands in `checks` of explain.json."""
    for method, found in checks.items():
        steps = found["randomisation"]["steps"]
        said = ", ".join(f"{step['layers']} layers {step['signed']:.2f} / {step['strengths']:.2f}" for step in steps)
        word = "passed" if found["randomisation"]["passed"] else "FAILED"
        yield f"{method}: randomisation check {word} on {found['faces']} faces"
        yield f"  rank correlation with shuffled networks, signed / strengths: {said}"
        for name, moved in found["deletion_insertion"].items():
            deletion, insertion = moved["deletion"], moved["insertion"]
            yield f"  {name}: deletion lowers the logit by {deletion:.2f}, insertion raises it by {insertion:.2f}"
