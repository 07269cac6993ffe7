"""The base of all settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of all settings: immutable, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)
