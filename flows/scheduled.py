"""What the scheduled flows share: how they end, and what of a failure is worth another try."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Failed

from flows.faults import hush_known_errors
from flows.lock import BusyError
from flows.runners import causes, is_transient
from flows.unrecorded import Sources
from flows.workspace import MODEL
from tasks.params import ArchiveParams, FauxfaceError, load_params
from tasks.scoring.attempts import Attempts
from tasks.scoring.card import model_named

# The system's own words for a disk or a network share in trouble; others (no such file, forbidden) stay as they are.
_STORAGE = {errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.ENETDOWN, errno.ENETUNREACH}


def owner_name(deployment: str) -> str:
    """Return what a scheduled run is called where it holds the workspace."""
    return f"fauxface schedule ({deployment})"


def own_model() -> Path:
    """Return the folder of the model that scheduled runs score with: the workspace's, else that of the package."""
    return Path(model_named(None, MODEL))


def in_words(work: Callable[[], State[Any]]) -> State[Any]:
    """Run the body of a scheduled flow: one that finds the workspace taken leaves, and faults end in a sentence."""
    hush_known_errors()
    log = get_run_logger()
    try:
        return work()
    except BusyError as error:
        log.warning("Refused. %s", error)
        return Cancelled(message=f"Refused. {error}")
    except FauxfaceError as error:
        log.error("%s", error)
        return Failed(message=str(error))


def score_once(dump: str | ArchiveParams, what: str, version: str, attempts: Attempts, params_file: Path) -> str:
    """Score one dump and note the outcome under `what`; returns what failed, empty for a success."""
    from flows.score import score  # only now: the process that serves the schedules needs no networks

    get_run_logger().info("Scoring %s", what)
    try:
        failed = score(params_file, None, load_params(params_file).schedule.out, Sources(dump))["failed"]
    except BrokenPipeError:
        raise  # who read our output has been killed: nothing of the dump's
    except Exception as error:  # noqa: BLE001 - one dump's fault, of whatever kind, must not hold up the others
        words = str(error) if isinstance(error, FauxfaceError) else f"{type(error).__name__}: {error}"
        return _noted(attempts, what, version, words, retry=is_storage_fault(error))
    if failed:  # scored, but nothing could be read
        return _noted(attempts, what, version, "; ".join(failed.values()), retry=False)
    attempts.succeeded(what, version)
    return ""


def _noted(attempts: Attempts, what: str, version: str, words: str, *, retry: bool) -> str:
    """Note and log a failure; returns it in words."""
    noted = attempts.failed(what, version, words, retry=retry)
    get_run_logger().error("%s failed: %s", what, noted)
    return str(noted)


def is_storage_fault(error: BaseException) -> bool:
    """Tell whether the network or a storage let a run down, which may be over in a while."""
    return is_transient(error) or any(isinstance(cause, OSError) and cause.errno in _STORAGE for cause in causes(error))
