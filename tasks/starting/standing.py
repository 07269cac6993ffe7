"""What is up to date in a workspace and what `dvc repro` would run, told by dvc.lock in a fraction of a second.

A file or folder counts as unchanged when size and number of files are those of dvc.lock and nothing in it was written
since; only where something was, its bytes are hashed as DVC hashes them. `dvc status` reads all of them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tasks.params import FauxfaceError
from tasks.starting.stages import Stage, read_stages, value_of

NEVER_RAN = "has not run yet"
_UNKNOWN = object()


@dataclass(frozen=True)
class Standing:
    """One stage: why it would run (empty: it is up to date); `after` names a stage before it that would run."""

    stage: str
    reasons: Sequence[str]
    after: str = ""

    @property
    def up_to_date(self) -> bool:
        """Whether `dvc repro` would pass it over."""
        return not self.reasons and not self.after


def standings(dvc_file: Path, lock_file: Path, params_file: Path) -> list[Standing]:
    """Return how each stage stands, in the order in which they depend on each other; raises FauxfaceError."""
    params = _yaml(params_file)
    stages = _ordered(read_stages(dvc_file, params))
    lock = _yaml(lock_file).get("stages") or {} if lock_file.is_file() else {}
    written = lock_file.stat().st_mtime if lock_file.is_file() else 0.0
    found: list[Standing] = []
    stale: dict[str, str] = {}  # outputs of stages that would run
    for stage in stages:
        reasons = list(_reasons(stage, lock.get(stage.name), params, written))
        after = next((stale[path] for dep in stage.deps for path in stale if _overlap(dep, path)), "")
        found.append(Standing(stage.name, reasons, after))
        if reasons or after:
            stale |= dict.fromkeys(stage.outs, stage.name)
    return found


def _reasons(
    stage: Stage, locked: Mapping[str, Any] | None, params: Mapping[str, Any], written: float
) -> Iterator[str]:
    if locked is None:
        yield NEVER_RAN
        return
    if locked.get("cmd") != stage.cmd:
        yield "its command changed"
    noted = {key: value for values in (locked.get("params") or {}).values() for key, value in values.items()}
    for key in stage.params:
        if _plain(noted.get(key, _UNKNOWN)) != _plain(value_of(params, key)):
            yield f"{key} changed in params.yaml"
    for kind, paths in (("deps", stage.deps), ("outs", stage.outs)):
        hashes = {entry["path"]: entry for entry in locked.get(kind) or ()}
        for path in paths:
            reason = _changed(path, hashes.get(path), written)
            if reason:
                yield f"{path} {reason}"


def _changed(path: str, noted: Mapping[str, Any] | None, written: float) -> str:
    """Return how a file or folder differs from what dvc.lock notes of it; empty where it does not."""
    if "://" in path:
        return ""  # only DVC can tell, by asking the store
    if noted is None:
        return "is new to it"
    place = Path(path)
    if not place.exists():
        return "is missing"
    files = sorted(_files(place))
    facts = [file.stat() for file in files]
    size, number = sum(fact.st_size for fact in facts), len(files)
    if size != noted.get("size") or (place.is_dir() and number != noted.get("nfiles")):
        return "changed"
    if all(max(fact.st_mtime, fact.st_ctime) <= written for fact in facts):
        return ""
    return "" if _hash(place, files) == noted.get("md5") else "changed"


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for folder, _, names in os.walk(place):
        yield from (Path(folder, name) for name in names)


def _hash(place: Path, files: Sequence[Path]) -> str:
    """Return DVC's hash: of a file its MD5, of a folder that of the list of its files with theirs."""
    if place.is_file():
        return _md5(place)
    listed = [{"md5": _md5(file), "relpath": file.relative_to(place).as_posix()} for file in files]
    text = json.dumps(sorted(listed, key=lambda entry: entry["relpath"]), sort_keys=True)
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest() + ".dir"


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _ordered(stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages so that each stands behind those whose outputs it reads."""
    waiting, done = list(stages), list[Stage]()
    while waiting:
        ready = next((stage for stage in waiting if not _waits(stage, waiting)), waiting[0])
        waiting.remove(ready)
        done.append(ready)
    return done


def _waits(stage: Stage, others: Sequence[Stage]) -> bool:
    return any(_reads(stage, other) for other in others if other is not stage)


def _reads(stage: Stage, other: Stage) -> bool:
    return any(_overlap(dep, out) for dep in stage.deps for out in other.outs)


def _overlap(one: str, other: str) -> bool:
    a, b = Path(one), Path(other)
    return a == b or a in b.parents or b in a.parents


def _plain(value: Any) -> Any:
    """Return a value so that it compares however YAML's versions read it: numbers as numbers, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return (
        value
        if value is _UNKNOWN or value is None or isinstance(value, bool)
        else float(value)
        if isinstance(value, int)
        else value
    )


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise FauxfaceError(f"{path}: cannot be read ({type(error).__name__}: {error}).") from None
    return content if isinstance(content, dict) else {}
