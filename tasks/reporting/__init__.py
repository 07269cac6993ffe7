"""The report: one self-contained HTML page, made from what the stages have left in reports/ and data/."""

from __future__ import annotations

from tasks.reporting.page import build_report, build_timings

__all__ = ["build_report", "build_timings"]
