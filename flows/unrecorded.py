"""Arguments of a flow that Prefect's server is not told."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.params import ArchiveParams


class Sources:
    """What to score. Prefect records a flow's arguments, and the URL of a dump may carry a signature or a password.

    Without a dictionary of its own the object cannot be taken apart, so the server notes its type alone.
    """

    __slots__ = ("named",)

    def __init__(self, *named: str | ArchiveParams) -> None:
        """Hold sources as they were named."""
        self.named: Sequence[str | ArchiveParams] = named
