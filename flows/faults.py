"""What a command says when it fails: a line or two with the remedy; a traceback goes to a file, whose path is said."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator

from flows.server import configured_url
from flows.surroundings import private_folder
from tasks.params import FauxfaceError
from tasks.params.errors import without_secrets_of_urls

DEBUG = "FAUXFACE_DEBUG"
MAX_REASON = 300  # characters of an error that we did not write ourselves
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_SERVER_PACKAGES = {"prefect", "httpx", "httpcore", "websockets"}
_RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs", "prefect.engine")


def debugging() -> bool:
    """Tell whether tracebacks are wanted on the terminal: `--debug`, or FAUXFACE_DEBUG in the environment."""
    return os.environ.get(DEBUG, "") not in {"", "0"}


def words_for(error: BaseException) -> str:
    """Return what to print for an error that ends a command; the traceback of one that nobody foresaw is filed."""
    if debugging():
        traceback.print_exception(error)
    known = next((cause for cause in _causes(error) if isinstance(cause, FauxfaceError)), None)
    if known is not None:
        return f"fauxface: {known}"
    return f"fauxface: {_reason(error)}\n{_filed(error)}"


def hush_known_errors() -> None:
    """Keep the tracebacks of errors that are said in words out of Prefect's logs, on the terminal and on its server."""
    for name in _RUN_LOGGERS:
        logger = logging.getLogger(name)
        if _without_traceback not in logger.filters:
            logger.addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if isinstance(error, FauxfaceError) and not debugging():
        record.msg, record.args, record.exc_info = str(error), (), None
    return True


def _reason(error: BaseException) -> str:
    causes = list(_causes(error))
    system = next((each for each in causes if isinstance(each, OSError) and each.errno in _FULL | _FORBIDDEN), None)
    if (system is not None and system.errno in _FULL) or any("No space left on device" in str(each) for each in causes):
        return f"{_place(system)}the disk is full. Free some space, then run this again: what is finished is kept."
    if system is not None:
        return f"{_place(system)}{system.strerror}. Check owner and permissions, then run the same command again."
    if isinstance(error, MemoryError):
        return "the memory does not suffice. Set runner.workers or the shards (crop.shard, score.shard) to less."
    if any(type(each).__module__.split(".")[0] in _SERVER_PACKAGES for each in causes):
        return (
            f"the Prefect server at {configured_url()} cannot be used any more ({_shown(error)}). Start it again, then "
            "run the same command again: what is finished is kept."
        )
    return f"{_shown(error)}. That was not foreseen; please report it with the log."


def _place(error: OSError | None) -> str:
    return f"{error.filename}: " if error is not None and error.filename else ""


def _shown(error: BaseException) -> str:
    text = without_secrets_of_urls(" ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: "))
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]} ..."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what it was raised from, and what was being handled when it was raised."""
    seen: list[BaseException] = []
    pending: list[BaseException | None] = [error]
    while pending:
        found = pending.pop(0)
        if found is not None and found not in seen:
            seen.append(found)
            yield found
            pending += [found.__cause__, found.__context__]


def _filed(error: BaseException) -> str:
    """Write the traceback to a file; returns the line that says where it is."""
    try:
        path = private_folder() / f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        content = [f"{' '.join(sys.argv)}\n\n", *traceback.format_exception(error)]
        path.write_text(without_secrets_of_urls("".join(content)), encoding="utf-8", errors="backslashreplace")
    except (OSError, FauxfaceError):
        return "The traceback could not be written to a file; `--debug` shows it."
    return f"Traceback: {path} (`--debug` shows it here)."
