"""The settings of where shards run."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tasks.params.frozen import Frozen


class RunnerParams(Frozen):
    """Where shards of a scoring run: threads of this machine, or a Dask or Ray cluster that is running already.

    `workers`: threads on this machine (0: one per core), or workers of the cluster to keep busy (0: all of them).
    """

    kind: Literal["threads", "dask", "ray"] = "threads"
    address: str | None = None
    workers: int = Field(0, ge=0, le=100_000)

    @field_validator("address")
    @classmethod
    def _names_nobody(cls, address: str | None) -> str | None:
        if address is not None and "@" in urlsplit(address).netloc:
            raise ValueError("holds a name or password; leave it out: the cluster's package reads its own from outside")
        return address

    @model_validator(mode="after")
    def _address_fits_the_kind(self) -> Self:
        if self.kind == "threads" and self.address is not None:
            raise ValueError("an address is for kind dask or ray; threads run on this machine")
        if self.kind != "threads" and not self.address:
            example = "tcp://scheduler:8786" if self.kind == "dask" else "ray://head:10001"
            raise ValueError(f"kind {self.kind} needs the address of the running cluster, as in {example}")
        return self
