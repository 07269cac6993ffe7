"""The one exception that a user is meant to read."""

from __future__ import annotations


class FauxfaceError(Exception):
    """A fault of the input, the settings or the surroundings: names the file, the reason and what to do about it.

    Commands print its message without a traceback and leave with exit status 1.
    """
