"""Numbers and names as the page shows them; every exact value stays in the page beside its rounded one."""

from __future__ import annotations

from markupsafe import Markup

from tasks.reporting.report_schemas import Interval
from tasks.scoring.text import name

NONE = Markup('<span class="none" title="{}">–<span class="unseen"> ({})</span></span>')
DATA = Markup('<data value="{}">{}</data>')


def count(value: int) -> Markup:
    """Return a count with thousands set apart: 12,345."""
    return DATA.format(value, f"{value:,}")


def ratio(value: float | None, reason: str = "not defined here") -> Markup:
    """Return a figure between 0 and 1 with three decimals; a dash with its reason for None."""
    return NONE.format(reason, reason) if value is None else DATA.format(value, _three(value))


def percent(value: float | None, reason: str = "not defined here") -> Markup:
    """Return a share as a percentage with one decimal; a dash with its reason for None."""
    return NONE.format(reason, reason) if value is None else DATA.format(value, _percent(value))


def share(part: int, whole: int) -> Markup:
    """Return `part` of `whole` as a percentage."""
    return percent(part / whole if whole else None, "none of none")


def ratio_interval(bounds: Interval) -> Markup:
    """Return a 95 % interval of a ratio, or nothing."""
    return _interval(bounds, [_three(bound) for bound in bounds or ()])


def percent_interval(bounds: Interval) -> Markup:
    """Return a 95 % interval of a share, in per cent, or nothing."""
    return _interval(bounds, [f"{100 * bound:.1f}" for bound in bounds or ()], " %")


def seconds(value: float) -> Markup:
    """Return a time in seconds, minutes or hours."""
    if value < 60:
        return DATA.format(value, f"{value:.1f} s")
    minutes = round(value / 60)
    whole = round(value)
    text = f"{whole // 60} min {whole % 60} s" if value < 3600 else f"{minutes // 60} h {minutes % 60} min"
    return DATA.format(value, text)


FILTERS = {
    function.__name__: function
    for function in (count, ratio, percent, share, ratio_interval, percent_interval, seconds, name)
}


def _three(value: float) -> str:
    return f"{value if abs(value) >= 0.0005 else 0.0:.3f}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _interval(bounds: Interval, texts: list[str], unit: str = "") -> Markup:
    if bounds is None:
        return Markup("")
    low, high = (DATA.format(bound, text) for bound, text in zip(bounds, texts, strict=True))
    between = " to " if bounds[0] < 0 else "–"  # a dash before a minus would be read as one
    return Markup('<span class="interval">{}{}{}{}</span>').format(low, between, high, unit)
