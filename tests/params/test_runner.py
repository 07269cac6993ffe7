"""Where shards run: what the settings allow."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.params import RunnerParams


@pytest.mark.parametrize(
    "settings", [{}, {"kind": "threads", "workers": 2}, {"kind": "dask", "address": "tcp://s:8786", "workers": 9}]
)
def test_settings_that_fit(settings: dict[str, Any]) -> None:
    assert RunnerParams(**settings).kind == settings.get("kind", "threads")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "dask"}, "needs the address of the running cluster"),
        ({"kind": "ray"}, "as in ray://head:10001"),
        ({"kind": "threads", "address": "tcp://s:8786"}, "for kind dask or ray"),
        ({"kind": "dask", "address": "tls://me:secret@s:8786"}, "holds a name or password"),
        ({"kind": "spark"}, "'threads', 'dask' or 'ray'"),
    ],
)
def test_settings_that_do_not(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RunnerParams(**settings)
