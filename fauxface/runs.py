"""The flows that schedules start, for Prefect to import by a name that no workspace has.

While Prefect imports a flow, a run's working directory stands in front of the places where Python looks for modules. A
workspace may well hold a `tasks.py` or `flows/` of its own, which would be imported in place of ours; so that directory
is taken out meanwhile.
"""

# ruff: noqa: E402

from __future__ import annotations

import sys
from pathlib import Path

_places = sys.path[:]
sys.path[:] = [place for place in _places if Path(place).resolve() != Path.cwd()]

from flows.inbox import inbox
from flows.rescore import rescore
from flows.retrain import retrain

sys.path[:] = _places

__all__ = ["inbox", "rescore", "retrain"]
