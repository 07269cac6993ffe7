"""A recipe: the network and how it is trained, as data in `recipes/<name>.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from tasks.params import FauxfaceError, TrainParams
from tasks.params.frozen import Frozen

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
OVERRIDES = ("epochs", "batch_size", "learning_rate")


class TransformSpec(Frozen):
    """An albumentations transform by name, with its arguments; `transforms` for those that contain others (OneOf)."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    transforms: tuple[TransformSpec, ...] = ()


class Recipe(Frozen):
    """What decides a trained network besides its data and its seed."""

    name: str
    network: str
    # Arguments of the network's function in zoo.py.
    network_arguments: dict[str, Any] = Field(default_factory=dict)
    input_size: int = Field(ge=16, le=1024)
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    optimizer_arguments: dict[str, float | bool] = Field(default_factory=dict)
    class_weights: bool = True
    # `cosine`: the rate rises through the first epoch and falls to nothing at the last (Loshchilov and Hutter, 2017);
    # `plateau`: it is multiplied by plateau_factor after plateau_patience epochs without a better validation loss.
    schedule: Literal["plateau", "cosine"] = "plateau"
    plateau_patience: int = Field(3, ge=1)
    plateau_factor: float = Field(0.5, gt=0, lt=1)
    # Epochs without a better validation loss until the end.
    stop_patience: int = Field(8, ge=1)
    # Applied in this order, to the training split only.
    augmentation: tuple[TransformSpec, ...] = ()

    @field_validator("augmentation", mode="before")
    @classmethod
    def _read_transforms(cls, entries: Any) -> Any:
        return [_transform(entry) for entry in entries] if isinstance(entries, list | tuple) else entries

    def overridden(self, params: TrainParams) -> Recipe:
        """Return this recipe with the figures of `params` that are not None."""
        given = {name: getattr(params, name) for name in OVERRIDES if getattr(params, name) is not None}
        return self.model_copy(update=given)


def load_recipe(name: str) -> Recipe:
    """Return the recipe `name` of the project, or of the YAML file at that path.

    Raises FauxfaceError when there is none, or when a key or value is not allowed.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        known = ", ".join(sorted(found.stem for found in RECIPES.glob("*.yaml")))
        raise FauxfaceError(
            f"{path}: there is no such recipe. train.recipe is one of {known}, or the path of a .yaml file."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FauxfaceError(f"{path}: is no valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise FauxfaceError(f"{path}: holds no recipe; expected keys: {', '.join(Recipe.model_fields)}.")
    return _parse({"name": path.stem, **content}, path)


def _parse(content: dict[str, Any], path: Path) -> Recipe:
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        problems = []
        for detail in error.errors(include_url=False):
            key = ".".join(str(part) for part in detail["loc"])
            if detail["type"] == "extra_forbidden":
                problems.append(f"{path}: {key}: unknown key. Allowed: {', '.join(Recipe.model_fields)}.")
            else:
                problems.append(f"{path}: {key}: {detail['msg']} (the value is {detail['input']!r}).")
        raise FauxfaceError("\n".join(problems)) from None


def _transform(entry: Any) -> Any:
    """Read `Name: {argument: value}`, the way a transform stands in a recipe."""
    if isinstance(entry, TransformSpec) or (isinstance(entry, dict) and "name" in entry):
        return entry
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ValueError(f"each step is one transform, written as `Name: {{argument: value}}`, not {entry!r}")
    name, arguments = next(iter(entry.items()))
    inner = (arguments or {}).get("transforms", [])
    rest = {key: value for key, value in (arguments or {}).items() if key != "transforms"}
    return {"name": name, "arguments": rest, "transforms": [_transform(one) for one in inner]}
