"""The one error of this room."""

from __future__ import annotations

from tasks.sources.status import Status


class ImageError(Exception):
    """A file without usable pixels: `status` for the row, `message` for its error column."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
