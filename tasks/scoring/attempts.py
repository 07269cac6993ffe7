"""What a schedule has tried: a dump is scored once, one that failed is tried again later and in the end left alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tasks.params.files import write_json

PAUSES = (60.0, 300.0, 1800.0, 7200.0)  # seconds after the first, second, ... failure; after the last nothing follows


class Attempt(BaseModel):
    """The last attempt at one version of a thing; `again`, in seconds since 1970, is when the next may be made."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    version: str
    tries: int
    error: str = ""
    again: float | None = None

    def __str__(self) -> str:
        """Say how it stands with a failure."""
        if self.again is None:
            return f"{self.error} (tried {self.tries} times; not again until it changes)"
        wait = max(0, round(self.again - time.time()))
        return f"{self.error} (try {self.tries} of {len(PAUSES) + 1}; again in {wait} s)"


@dataclass
class Attempts:
    """The attempts noted in the file `path`, by what was tried; every change is on disk before a method returns."""

    path: Path
    made: dict[str, Attempt] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Attempts:
        """Return what is noted in `path`; nothing when there is no such file, or none of ours."""
        try:
            made = TypeAdapter(dict[str, Attempt]).validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            made = {}
        return cls(path, made)

    def is_due(self, what: str, version: str) -> bool:
        """Tell whether to try: not after a success, nor while a failure rests, unless the version is another."""
        last = self.made.get(what)
        if last is None or last.version != version:
            return True
        return last.again is not None and time.time() >= last.again

    def given_up(self) -> dict[str, Attempt]:
        """Return the failures that will not be tried again as they are."""
        return {what: last for what, last in self.made.items() if last.error and last.again is None}

    def resting(self) -> dict[str, Attempt]:
        """Return the failures that will be tried again."""
        return {what: last for what, last in self.made.items() if last.again is not None}

    def succeeded(self, what: str, version: str) -> None:
        """Note a success."""
        self._note(what, Attempt(version=version, tries=self._tries(what, version)))

    def failed(self, what: str, version: str, error: str, *, retry: bool) -> Attempt:
        """Note a failure; one that a retry may help is tried again after a pause that grows, a few times."""
        tries = self._tries(what, version)
        again = time.time() + PAUSES[tries - 1] if retry and tries <= len(PAUSES) else None
        return self._note(what, Attempt(version=version, tries=tries, error=error, again=again))

    def keep_only(self, whats: set[str]) -> None:
        """Forget what is no longer there."""
        if not set(self.made) <= whats:
            self.made = {what: last for what, last in self.made.items() if what in whats}
            self._write()

    def _tries(self, what: str, version: str) -> int:
        last = self.made.get(what)
        return 1 + (last.tries if last is not None and last.version == version and last.error else 0)

    def _note(self, what: str, attempt: Attempt) -> Attempt:
        self.made[what] = attempt
        self._write()
        return attempt

    def _write(self) -> None:
        write_json(self.path, {what: last.model_dump(mode="json") for what, last in sorted(self.made.items())})
