"""What became of one input: the closed list of statuses that `images.parquet` and the scores carry."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """One input's outcome. `ok` and `no_face` are successes; every other value says why there are no pixels.

    `metadata` (a sidecar, a label table) and `system_file` (what Macs, Windows and tools leave behind) are no pictures
    and no failures.
    """

    OK = "ok"
    NO_FACE = "no_face"
    NOT_AN_IMAGE = "not_an_image"
    EMPTY_FILE = "empty_file"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    UNSUPPORTED_FORMAT = "unsupported_format"
    UNSAFE_PATH = "unsafe_path"
    NOT_A_FILE = "not_a_file"
    ENCRYPTED = "encrypted"
    ARCHIVE_DAMAGED = "archive_damaged"
    UNREADABLE = "unreadable"
    CRASHED = "crashed"
    METADATA = "metadata"
    SYSTEM_FILE = "system_file"


# Inputs in one of these are as they should be; all others have failed.
NO_FAILURES = (Status.OK, Status.NO_FACE, Status.METADATA, Status.SYSTEM_FILE)
