"""Deployment `rescore`: when the model's id has changed, score the ledger's archives with the new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.lock import workspace_lock
from flows.scheduled import in_words, own_model, owner_name, score_once
from flows.workspace import PARAMS, RESCORE_STATE
from tasks.params import ArchiveParams, Params, load_params
from tasks.scoring.attempts import Attempts
from tasks.scoring.card import read_card
from tasks.scoring.ledger import ledger
from tasks.scoring.naming import lies_at
from tasks.scoring.store import ScoreStore


@flow(name="rescore")
def rescore(params_file: Path = PARAMS) -> State[Any]:
    """Score every archive of the ledger that the current model has not scored completely."""
    return in_words(lambda: _rescore(params_file))


def _rescore(params_file: Path) -> State[Any]:
    params, model_id, attempts = load_params(params_file), read_card(own_model()).model_id, Attempts.read(RESCORE_STATE)
    archives = pending_archives(ScoreStore(params.schedule.out), model_id, params)
    due = [archive for archive in archives if attempts.is_due(_key(archive), model_id)]
    if not due:
        rests = f", but for {', '.join(sorted(attempts.given_up()))}" if archives else ""
        return Completed(message=f"Model {model_id} has scored all archives{rests}")
    with workspace_lock(owner_name("rescore")):
        errors = {_key(each): score_once(each, _key(each), model_id, attempts, params_file) for each in due}
    failed = [f"{name}: {error}" for name, error in errors.items() if error]
    if failed:
        return Failed(message=f"{len(due) - len(failed)} of {len(due)} archives scored; failed: {'; '.join(failed)}")
    return Completed(message=f"Scored by model {model_id}: {', '.join(archive.name for archive in due)}")


def pending_archives(store: ScoreStore, model_id: str, params: Params) -> list[ArchiveParams]:
    """Return the archives of the ledger, by name, that have no complete scoring by this model.

    One that is named in params keeps the checksum it has there.
    """
    records = [(scoring, scoring.record) for scoring in ledger(store) if scoring.record is not None]
    done = {(each.name, each.source) for scoring, each in records if scoring.complete and scoring.model_id == model_id}
    known = {archive.name: archive for archive in params.score.archives.values()}
    pending = sorted({(record.name, record.source) for _, record in records} - done)
    return [
        known[name]
        if name in known and lies_at(known[name].source) == source
        else ArchiveParams(name=name, source=source)
        for name, source in pending
    ]


def _key(archive: ArchiveParams) -> str:
    return f"{archive.name} ({archive.source})"
