"""What became of one input: the closed list of statuses that `images.parquet` and the scores carry."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """One input's outcome. `ok` and `no_face` are successes; every other value says why there are no pixels."""

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
