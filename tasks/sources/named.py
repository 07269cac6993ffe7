"""Files that a user names one by one."""

from __future__ import annotations

import re
from pathlib import Path

from tasks.sources.member import MAX_MEMBER_BYTES, Member, failed, printable, read_bounded, too_large
from tasks.sources.status import Status

# JPEG, PNG, GIF, BMP, TIFF of either byte order; WebP, AVIF and HEIC behind the length of their first piece.
_PICTURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|BM....\0\0\0\0|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(avif|avis|heic|heix|mif1)",
    re.DOTALL,
)


def is_picture(path: str) -> bool:
    """Tell whether a local file begins as a picture does; what cannot be read is none."""
    try:
        with Path(path).open("rb") as stream:
            return _PICTURE.match(stream.read(16)) is not None
    except (OSError, ValueError):
        return False


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
