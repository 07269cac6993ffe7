"""Files that a user names one by one."""

from __future__ import annotations

from pathlib import Path

from tasks.sources.member import MAX_MEMBER_BYTES, Member, failed, printable, read_bounded, too_large
from tasks.sources.status import Status


def read_named(path: str) -> Member:
    """Return a file's bytes, or the reason why there are none; a link is followed, since the user named it."""
    if Path(path).is_dir():
        return failed(path, Status.NOT_A_FILE, "a folder; `fauxface score` takes folders and archives")
    try:
        with Path(path).open("rb") as stream:
            data = read_bounded(stream, MAX_MEMBER_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = error.strerror if isinstance(error, OSError) else None
        return failed(path, Status.UNREADABLE, reason or str(error))
    return too_large(path, MAX_MEMBER_BYTES + 1) if data is None else Member(printable(path), data)
