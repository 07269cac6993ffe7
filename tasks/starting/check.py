"""Everything that can be known of a workspace before a face is looked for: what is wrong, and what a run will take."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from tasks.manifests.labelling import Labeller, Labels
from tasks.manifests.split import SPLITS
from tasks.manifests.watched import require_watched
from tasks.params import ArchiveParams, DatasetParams, FauxfaceError, Params, SplitParams
from tasks.sources.download import is_http
from tasks.starting.estimate import cropping_seconds, estimate
from tasks.starting.survey import Survey, survey
from tasks.training.recipe.recipes import load_recipe

_LABELS = ("real", "fake")
_FEW = 5  # groups that a side of the split may expect of a label; with fewer it may well get none
_SHOWN = 3
_MB = 1e6


@dataclass
class Checked:
    """Lines about what is there, `notes` about what is odd, and `problems`, with which a run would fail."""

    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    expected: Counter[tuple[str, int]] = field(default_factory=Counter)
    pictures: int = 0
    cropping: float = 0.0
    unknown: bool = False


def check(params: Params, params_file: Path, dvc_file: Path, reports: Path, downloads: Path) -> Checked:
    """Look at settings, sources, labels, sides and stages of the workspace in the working directory; never raises
    for what is wrong in it.
    """
    found = Checked()
    for dataset in params.datasets.values():
        _check_dataset(found, dataset, params.split, reports, downloads)
    for archive in params.score.archives.values():
        opened = _opened(found, f"archive {archive.name}", archive, downloads)
        if opened is not None:
            found.lines.append(f"archive {archive.name}: {_count(opened)}")
            found.cropping += cropping_seconds(_number(opened), _bytes_each(opened))
    if params.datasets:
        if not (found.unknown or found.problems):
            _check_sides(found)
        _check_recipe(found, params.train.recipe)
    _check_stages(found, params, params_file, dvc_file)
    _check_means(found, params)
    return found


def _check_dataset(found: Checked, dataset: DatasetParams, split: SplitParams, reports: Path, downloads: Path) -> None:
    opened = _opened(found, dataset.name, dataset, downloads)
    if opened is None:
        return
    try:
        labeller = Labeller(dataset, opened, opened.pictures)
    except FauxfaceError as error:
        found.problems.append(str(error))
        return
    labels = [labeller.of(picture) for picture in opened.pictures]
    by_annotation = any(rule.rule == "column" for rule in (dataset.label, dataset.group))
    if by_annotation:
        labels = [each for each, picture in zip(labels, opened.pictures, strict=True) if picture.annotations]
    counts = Counter(each.label for each in labels if each.label is not None)
    number = _number(opened)
    share = number / max(len(labels), 1)
    said = ", ".join(f"{round(counts[label] * share):,} {name}" for label, name in enumerate(_LABELS) if counts[label])
    found.lines.append(f"{dataset.name}: {_count(opened)}; {said or 'none has a label'}; use: {dataset.use}")
    found.pictures += number
    found.cropping += cropping_seconds(number, _bytes_each(opened), _measured(reports, dataset.name))
    _judge_labels(found, dataset, labels)
    _add_sides(found, dataset, labels, share, split)


def _opened(found: Checked, name: str, settings: ArchiveParams, downloads: Path) -> Survey | None:
    """Survey a source without looking for faces; what is wrong with it is noted."""
    if is_http(settings.source) and settings.sha256 and not any((downloads / settings.sha256.lower()).glob("*")):
        found.lines.append(f"{name}: {settings.source}, to be downloaded")
        found.unknown = True
        return None
    try:
        return survey(settings.source, None, sha256=settings.sha256, encoding=settings.encoding, cache=downloads)
    except FauxfaceError as error:
        found.problems.append(f"{name}: {error}")
    except (OSError, ValueError) as error:
        found.problems.append(f"{name}: {settings.source}: cannot be read ({type(error).__name__}: {error})")
    return None


def _count(opened: Survey) -> str:
    number = f"{len(opened.pictures):,}" if opened.whole else f"about {_number(opened):,}"
    size = f", {opened.size / _MB:,.0f} MB" if opened.size is not None else ""
    return f"{opened.url}, {opened.kind}, {number} pictures{size}"


def _number(opened: Survey) -> int:
    return opened.members if not opened.whole and opened.members is not None else len(opened.pictures)


def _bytes_each(opened: Survey) -> float:
    return (opened.size or 100_000 * _number(opened)) / max(_number(opened), 1)


def _measured(reports: Path, dataset: str) -> float | None:
    """Return the pictures a second that an earlier run of this data set had here."""
    try:
        rate = json.loads((reports / "timings" / "crop" / f"{dataset}.json").read_text("utf-8"))["images_per_second"]
        return float(rate) or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _judge_labels(found: Checked, dataset: DatasetParams, labels: Sequence[Labels]) -> None:
    without = Counter(each.reason for each in labels if each.label is None)
    if not without:
        return
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in without.most_common(_SHOWN))
    said = f"{dataset.name}: {without.total():,} of {len(labels):,} pictures have no label: {reasons}"
    if without.total() == len(labels) or dataset.strict_labels:
        found.problems.append(f"{said}. Correct datasets.{dataset.name}.label.")
    else:
        found.notes.append(f"{said}. They will be left out.")


def _add_sides(
    found: Checked, dataset: DatasetParams, labels: Sequence[Labels], share: float, split: SplitParams
) -> None:
    """Count the groups that each side may expect of each label."""
    shares = {"train": 1 - split.valid - split.test, "valid": split.valid, "test": split.test}
    for label in (0, 1):
        mine = [each for each in labels if each.label == label]
        groups = len({each.group for each in mine if each.group}) + sum(each.group is None for each in mine)
        for side in SPLITS:
            if dataset.use == "given":
                found.expected[side, label] += sum(each.split_given == side for each in mine)
            elif dataset.use == "test":
                found.expected[side, label] += groups if side == "test" else 0
            else:
                found.expected[side, label] += round(groups * share * shares[side])


def _check_sides(found: Checked) -> None:
    sides = [f"{side} {found.expected[side, 0]:,} real, {found.expected[side, 1]:,} fake" for side in SPLITS]
    found.lines.append(f"expected after the split (groups of what belongs together): {'; '.join(sides)}")
    for side in SPLITS:
        for label, name in enumerate(_LABELS):
            if not found.expected[side, label]:
                found.problems.append(f"no {name} picture would be in {side}: add some with `fauxface add --{name}`.")
            elif found.expected[side, label] < _FEW:
                found.notes.append(f"few {name} pictures would be in {side}, perhaps none: add some")


def _check_recipe(found: Checked, recipe: str) -> None:
    try:
        load_recipe(recipe)
    except FauxfaceError as error:
        found.problems.append(str(error))


def _check_stages(found: Checked, params: Params, params_file: Path, dvc_file: Path) -> None:
    if not dvc_file.is_file():
        found.problems.append(f"{dvc_file}: is missing, so `dvc repro` has nothing to run. `fauxface init` writes one.")
        return
    try:
        stages = yaml.safe_load(dvc_file.read_text(encoding="utf-8"))["stages"]
        commands = str(stages)
        require_watched(list(_tables(params)), dvc_file, params_file)
    except FauxfaceError as error:
        found.problems.append(str(error))
        return
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        found.problems.append(f"{dvc_file}: cannot be read as stages ({type(error).__name__}: {error}).")
        return
    written = yaml.safe_load(params_file.read_text(encoding="utf-8"))
    if params.score.archives and "fauxface score" not in commands:
        found.problems.append(f"{dvc_file}: has no stage `score`, though score.archives names dumps.")
    for section in ("crop", "split", "train", "evaluate", "explain", "score"):
        used = any(section in _watched(stage) for stage in stages.values())
        if used and section not in written:
            found.problems.append(
                f"{params_file}: has no section `{section}`, which {dvc_file} watches. Add: {section}: {{}}"
            )


def _watched(stage: object) -> list[object]:
    inner = stage.get("do", stage) if isinstance(stage, dict) else {}
    return list(inner.get("params") or []) if isinstance(inner, dict) else []


def _tables(params: Params) -> Iterator[Path]:
    for dataset in params.datasets.values():
        for rule in (dataset.label, dataset.group):
            file = getattr(rule, "file", None)
            if file is not None and Path(file).is_file():
                yield Path(file)


def _check_means(found: Checked, params: Params) -> None:
    """Compare what a run takes with what this machine has."""
    trained = sum(found.expected["train", label] for label in (0, 1))
    needs = estimate(found.cropping, found.pictures, trained, params.train.recipe)
    free, memory = shutil.disk_usage(Path()).free, psutil.virtual_memory().total
    time = f"about {_time(needs.seconds)} on this machine" + ("" if needs.known else ", the training not counted")
    found.lines.append(
        f"a run takes {time}, {needs.memory / 1e9:.1f} GB of memory (of {memory / 1e9:.0f}) and "
        f"{needs.disk / 1e9:.2g} GB of disk ({free / 1e9:,.0f} free)"
    )
    if needs.disk > free:
        found.problems.append(
            f"the disk is too small: {needs.disk / 1e9:.0f} GB are needed, {free / 1e9:.0f} are free."
        )
    if needs.memory > memory:
        found.notes.append("the memory may not suffice for training: see `faces` of a recipe")


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
