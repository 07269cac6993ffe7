"""The settings that a model was trained by: of a recipe's card only those that decided something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Of the whole recipe; the rest belongs to its phases.
_WHOLE = ("name", "network", "network_arguments", "weights", "weights_sha256", "input_size", "batch_size")
_GRADIENT = ("epochs", "learning_rate", "optimizer", "schedule", "stop_patience", "keep_best", "trainable", "draw")
_OF_SCHEDULE = {"plateau": ("plateau_patience", "plateau_factor", "min_learning_rate"), "step": ("step_factor",)}
# That a phase may go without: at zero, or with nothing in them, they do nothing.
_OPTIONAL = ("optimizer_arguments", "self_blended", "label_smoothing", "augmentation", "equalise", "datasets")


def settings(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return {setting: its value in words} of a recipe as a card has it, those of its phases as `phase.setting`."""
    kept = {key: recipe[key] for key in _WHOLE if recipe.get(key) not in (None, {}, [])}
    phases = recipe.get("phases") or [{**recipe, "name": ""}]
    for phase in phases:
        prefix = f"{phase['name']}." if phase["name"] else ""
        kept |= {f"{prefix}{key}": phase[key] for key in _used(phase) if key in phase}
        if phase.get("method") != "ridge" and phase.get("draw") == "faces" and "class_weights" in recipe:
            kept["class_weights"] = recipe["class_weights"]
    return {key: _words(value) for key, value in kept.items()}


def _used(phase: Mapping[str, Any]) -> Iterator[str]:
    if phase.get("method") == "ridge":
        yield from ("method", "faces")
    else:
        yield from _GRADIENT
        yield from _OF_SCHEDULE.get(str(phase.get("schedule")), ())
        if phase.get("draw") == "sources":
            yield "least_draws"
    yield from (key for key in _OPTIONAL if phase.get(key))


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_words(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_transform(each) for each in value) + "]"
    return str(value)


def _transform(value: Any) -> str:
    """Return a transform of the augmentation by its name alone, since its arguments would fill the page."""
    return str(value["name"]) if isinstance(value, Mapping) and "name" in value else _words(value)
