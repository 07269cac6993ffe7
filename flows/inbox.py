"""Deployment `inbox`: score the dumps that arrived, each once and none before it is complete."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.lock import workspace_lock
from flows.runners import retried
from flows.scheduled import in_words, is_storage_fault, own_model, owner_name, score_once
from flows.workspace import INBOX_STATE, PARAMS
from tasks.params import InboxParams, load_params
from tasks.scoring.attempts import Attempts
from tasks.scoring.card import read_card
from tasks.sources.inbox import Dump, look

look_task = retried(look, "look", is_storage_fault)


@flow(name="inbox")
def inbox(params_file: Path = PARAMS) -> State[Any]:
    """Score what is new or changed in `schedule.inbox.source`; a dump that fails is noted and does not stop others."""
    return in_words(lambda: _score_arrivals(params_file))


@dataclass
class Watch:
    """What the looks of a run saw: since when each dump is as it is, and which are not complete."""

    settings: InboxParams
    since: dict[str, tuple[str, float]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)

    def complete(self, due: list[Dump], now: float) -> list[Dump]:
        """Return those of the dumps seen at `now`, in seconds, that are marked or unchanged for `settle` seconds."""
        self.since = {dump.url: self._since(dump, now) for dump in due}
        found = [dump for dump in due if dump.marked or self._has_settled(dump, now)]
        self.unfinished = [dump.name for dump in due if dump not in found]
        return found

    def may_settle(self) -> bool:
        """Tell whether waiting may help a dump: not one that needs a marker."""
        return bool(self.unfinished) and not self.settings.marker

    def _since(self, dump: Dump, now: float) -> tuple[str, float]:
        version, since = self.since.get(dump.url, ("", now))
        return dump.version, since if version == dump.version else now

    def _has_settled(self, dump: Dump, now: float) -> bool:
        since = self.since[dump.url][1]
        return not self.settings.marker and now > since and now - since >= self.settings.settle


def _score_arrivals(params_file: Path) -> State[Any]:
    settings = load_params(params_file).schedule.inbox
    watch, attempts = Watch(settings), Attempts.read(INBOX_STATE)
    scored, failed, waited = list[str](), list[str](), False
    while True:
        dumps, strangers = look_task(settings.source)
        attempts.keep_only({dump.url for dump in dumps})
        due = [dump for dump in dumps if attempts.is_due(dump.url, dump.version)]
        if ready := watch.complete(due, time.monotonic()):
            error = _score_dump(ready[0], attempts, params_file)
            (failed if error else scored).append(f"{ready[0].name}: {error}" if error else ready[0].name)
        elif watch.may_settle() and not waited:
            time.sleep(settings.settle)
            waited = True  # who still writes then is left to the next run
        else:
            facts = {"scored": scored, "not complete yet": watch.unfinished, "no dump by its name": strangers}
            return _outcome(facts, failed, attempts, settings.source)


def _score_dump(dump: Dump, attempts: Attempts, params_file: Path) -> str:
    with workspace_lock(owner_name("inbox")):
        read_card(own_model())  # without a model it is not the dump that fails
        return score_once(dump.url, dump.url, dump.version, attempts, params_file)


def _outcome(facts: dict[str, list[str]], failed: list[str], attempts: Attempts, source: str) -> State[Any]:
    """End the run with a message that leaves nothing in the inbox unsaid."""
    earlier = {} if failed else {**attempts.resting(), **attempts.given_up()}
    soon = [_name(url) for url, last in earlier.items() if last.again is not None]
    never = [f"{_name(url)} ({last.error})" for url, last in earlier.items() if last.again is None]
    told = {"failed earlier, tried again soon": soon, "failed, left alone until changed": never}
    said = [f"{what}: {', '.join(names)}" for what, names in {**facts, "failed": failed, **told}.items() if names]
    message = "; ".join(said) or f"Nothing new in {source}"
    get_run_logger().info("%s", message)
    return Failed(message=message) if failed else Completed(message=message)


def _name(url: str) -> str:
    return url.rsplit("/", 1)[-1]
