"""A recipe: the network and how it is trained, as data in `recipes/<name>.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from tasks.params import FauxfaceError, TrainParams
from tasks.params.frozen import Frozen
from tasks.params.models import Sha256
from tasks.params.plain_yaml import read_yaml
from tasks.training.batches.equalise import Equalisation

RECIPES = Path(__file__).resolve().parents[3] / "recipes"
FILE = "file"  # a network from elsewhere, whose weights are an ONNX or OpenVINO file (networks/file_network.py)
OVERRIDES = ("epochs", "batch_size", "learning_rate", "weights")


class TransformSpec(Frozen):
    """An albumentations transform by name, with its arguments; `transforms` for those that contain others (OneOf)."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    transforms: tuple[TransformSpec, ...] = ()


class Settings(Frozen):
    """What one phase of a training may set for itself; it takes from the recipe what it does not."""

    # `gradient`: by an optimizer, epoch by epoch. `ridge`: the verdict alone, in closed form, on all other layers as
    # they are (ridge/probe.py); one epoch, at most `faces` looks: at each face as it is stored, mirrored and, where
    # there is augmentation or equalisation, so changed.
    method: Literal["gradient", "ridge"] = "gradient"
    faces: int = Field(12000, ge=16)
    epochs: int = Field(ge=1)
    learning_rate: float = Field(ge=0)
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    optimizer_arguments: dict[str, float | bool] = Field(default_factory=dict)
    # `cosine`: the rate rises through the first epoch and falls to nothing at the last (Loshchilov and Hutter, 2017);
    # `step`: it is multiplied by step_factor after each epoch; `plateau`: by plateau_factor after plateau_patience
    # epochs without a better figure (see keep_best), down to min_learning_rate.
    schedule: Literal["plateau", "cosine", "step"] = "plateau"
    plateau_patience: int = Field(3, ge=1)
    plateau_factor: float = Field(0.5, gt=0, lt=1)
    min_learning_rate: float = Field(0.0, ge=0)
    step_factor: float = Field(0.1, gt=0, le=1)
    # Epochs without a better figure until the end.
    stop_patience: int = Field(8, ge=1)
    # The figure whose best epoch is kept, and that the plateau and the early stop watch.
    keep_best: Literal["val_loss", "val_accuracy"] = "val_loss"
    # The layers that learn: all, only the logit's, that and the last convolution, or all from a layer on.
    trainable: str = Field("all", pattern=r"^(all|head|head\+last_conv|from:.+)$")
    # Applied in this order, to the training split only.
    augmentation: tuple[TransformSpec, ...] = ()
    # Training reals, as a fraction, that are blended into themselves and called fake (tasks/training/batches/blend.py).
    self_blended: float = Field(0.0, ge=0, lt=1)
    # `faces`: an epoch takes each training face once. `sources`: as many reals as fakes, and of each class the data
    # sets by the square root of their size, so that a large one does not hide the small ones.
    draw: Literal["faces", "sources"] = "faces"
    # Faces that an epoch of `sources` draws at least: of small data sets each comes several times, changed every time.
    least_draws: int = Field(0, ge=0)
    # How far labels are moved towards one half: .05 asks for .025 and .975.
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    # Before it, to the training split only: the file's own encoding must not give the label away.
    equalise: Equalisation | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_no_rate_in_closed_form(cls, content: Any) -> Any:
        ridge = isinstance(content, dict) and content.get("method") == "ridge"
        return {**content, "epochs": 1, "learning_rate": 0.0} if ridge else content

    @model_validator(mode="after")
    def _has_a_rate_otherwise(self) -> Self:
        if self.method == "gradient" and self.learning_rate == 0:
            raise ValueError("learning_rate: must be greater than 0")
        return self

    @field_validator("augmentation", mode="before")
    @classmethod
    def _read_transforms(cls, entries: Any) -> Any:
        return [_transform(entry) for entry in entries] if isinstance(entries, list | tuple) else entries


class Phase(Settings):
    """One phase of a training, on the faces of some data sets (null: of all)."""

    name: str = Field(min_length=1)
    datasets: tuple[str, ...] | None = Field(None, min_length=1)

    @property
    def looks(self) -> int:
        """How often a ridge phase looks at each face: as it is stored, mirrored and, if it `changes`, changed."""
        return 3 if self.changes else 2

    @property
    def changes(self) -> bool:
        """Whether there is anything that changes training faces."""
        return bool(self.augmentation) or self.equalise is not None

    @property
    def most_faces(self) -> int | None:
        """How many training faces it takes at most; None: all."""
        return self.faces // self.looks if self.method == "ridge" else None

    def left_out(self, faces: int) -> int:
        """Return how many of `faces` training faces are too many for it."""
        return 0 if self.most_faces is None else max(faces - self.most_faces, 0)


class Recipe(Settings):
    """What decides a trained network besides its data and its seed."""

    name: str
    network: str
    # Arguments of the network's function in the zoo.
    network_arguments: dict[str, Any] = Field(default_factory=dict)
    # The weights to begin with: none (random), imagenet, or the path of a file, whose SHA-256 can be asked for.
    weights: str = Field("none", min_length=1)
    weights_sha256: Sha256 | None = None
    input_size: int = Field(ge=16, le=1024)
    batch_size: int = Field(ge=1)
    class_weights: bool = True
    # Each begins with the best weights of the one before and with an optimizer of its own.
    phases: tuple[Phase, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _complete_phases(cls, content: Any) -> Any:
        if not isinstance(content, dict) or not isinstance(content.get("phases"), list | tuple):
            return content
        shared = {name: content[name] for name in Settings.model_fields if name in content}
        phases = [{**shared, **phase} if isinstance(phase, dict) else phase for phase in content["phases"]]
        if phases and all(isinstance(phase, dict) and phase.get("method") == "ridge" for phase in phases):
            shared = {"method": "ridge"}  # so that nothing else asks the recipe for epochs and a rate
        return {**content, **shared, "phases": phases}

    @model_validator(mode="after")
    def _has_what_a_ridge_phase_needs(self) -> Self:
        ridges = [phase.name for phase in self.stages() if phase.method == "ridge"]
        if len(ridges) > 1:
            raise ValueError(f"phases: {' and '.join(ridges)} are ridge phases; there can be one")
        if self.network == FILE:
            if ridges != [phase.name for phase in self.stages()]:
                raise ValueError("phases: `network: file` has one phase, `{name: head, method: ridge}`")
        elif ridges and self.network_arguments.get("pooling") != "statistics":
            raise ValueError(
                f"network_arguments.pooling: phase {ridges[0]!r} is a ridge phase, which is for network lite0 with "
                "pooling: statistics, or for network file"
            )
        return self

    def stages(self) -> tuple[Phase, ...]:
        """Return the phases with all that they need; a recipe without phases is one phase on all data sets."""
        if self.phases:
            return self.phases
        return (Phase(name="all", **{name: getattr(self, name) for name in Settings.model_fields}),)

    def overridden(self, params: TrainParams) -> Recipe:
        """Return this recipe with the figures of `params` that are not None, in its gradient phases as well.

        The hash of the recipe's weights goes with them: other weights have another.
        """
        given = {name: getattr(params, name) for name in OVERRIDES if getattr(params, name) is not None}
        changed = {name: value for name, value in given.items() if name in Settings.model_fields}
        phases = tuple(_changed(phase, changed) for phase in self.phases)
        others = {name: value for name, value in given.items() if name not in changed}
        forgotten = {"weights_sha256": None} if "weights" in given else {}
        return _changed(self, changed).model_copy(update={**others, **forgotten, "phases": phases})

    def with_heads(self, heads: int) -> Recipe:
        """Return this recipe for a network whose verdict is the largest of `heads` logits."""
        return self.model_copy(update={"network_arguments": {**self.network_arguments, "heads": heads}})


Changed = TypeVar("Changed", bound=Settings)


def _changed(settings: Changed, given: dict[str, Any]) -> Changed:
    """Return `settings` with other epochs or another rate, which a ridge phase does not have."""
    return settings if settings.method == "ridge" else settings.model_copy(update=given)


def load_recipe(name: str) -> Recipe:
    """Return the recipe `name` of the project, or of the YAML file at that path.

    Raises FauxfaceError when there is none, or when a key or value is not allowed.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    try:
        content = read_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError:
        known = ", ".join(sorted(found.stem for found in RECIPES.glob("*.yaml")))
        raise FauxfaceError(
            f"{path}: there is no such recipe. train.recipe is one of {known}, or the path of a .yaml file."
        ) from None
    except UnicodeDecodeError as error:
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
                problems.append(f"{path}: {key}: unknown key. Allowed: {', '.join(_allowed(detail['loc']))}.")
            else:
                problems.append(f"{path}: {key}: {detail['msg']} (the value is {detail['input']!r}).")
        raise FauxfaceError("\n".join(problems)) from None


def _allowed(place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that may stand where an unknown one was found."""
    kinds: dict[int | str, type[Frozen]] = {"phases": Phase, "equalise": Equalisation}
    holders = [kinds[part] for part in place[:-1] if part in kinds]
    return list((holders[-1] if holders else Recipe).model_fields)


def _transform(entry: Any) -> Any:
    """Read `Name: {argument: value}`, the way a transform stands in a recipe."""
    if isinstance(entry, TransformSpec) or (isinstance(entry, dict) and "name" in entry):
        return entry
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ValueError(f"each step is one transform, written as `Name: {{argument: value}}`, not {entry!r}")
    name, arguments = next(iter(entry.items()))
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, dict):
        raise ValueError(f"{name}: its arguments are written as `argument: value`, not {arguments!r}")
    inner = arguments.get("transforms", [])
    if not isinstance(inner, list | tuple):
        raise ValueError(f"{name}: transforms is a list of transforms, not {inner!r}")
    rest = {key: value for key, value in arguments.items() if key != "transforms"}
    return {"name": name, "arguments": rest, "transforms": [_transform(one) for one in inner]}
