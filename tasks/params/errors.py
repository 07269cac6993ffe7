"""The one exception that a user is meant to read."""

from __future__ import annotations

import re

# User and password of a URL, and its query, where signatures and tokens stand; not what ends the sentence behind it.
_SECRETS = re.compile(
    r"(?P<scheme>\b[A-Za-z][\w+.-]*://)(?:[^\s/]*@)?(?P<rest>[^\s?]*)(?:\?\S*?)?(?=[:;,.)'\"]*(?:\s|$))"
)


class FauxfaceError(Exception):
    """A fault of the input, the settings or the surroundings: names the file, the reason and what to do about it.

    Commands print its message without a traceback and leave with exit status 1. A URL in it is named without the
    secrets that it may carry, since messages end in logs and on Prefect's server.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets_of_urls(message))


def without_secrets_of_urls(text: str) -> str:
    """Return a text in which every URL has lost its user, password and query."""
    return _SECRETS.sub(r"\g<scheme>\g<rest>", text)
