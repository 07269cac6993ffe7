"""The front door of the package; `fauxface/reference/` holds the model for a workspace that has none."""

from __future__ import annotations
