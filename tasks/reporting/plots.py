"""Plots as inline SVG: drawn by matplotlib's object interface, coloured by the page's own CSS variables."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Colours that stand for CSS variables, so that one plot serves light, dark and print.
VARIABLES = ("ink", "muted", "line", "paper", "real", "fake", *(f"series-{number}" for number in range(6)))
COLOURS = {name: f"#0101{number:02x}" for number, name in enumerate(VARIABLES)}
SIZE = (4.6, 3.5)  # inches of 72 units; the page scales it
DASHES = ("solid", "dashed", "dotted", "dashdot")

Painter = Callable[[Axes], None]


@dataclass(frozen=True)
class Key:
    """One entry of a plot's legend, which is text of the page: name, CSS variable of the colour, dash."""

    name: str
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Plot:
    """An inline SVG with its title, its legend and a sentence that says what it shows."""

    title: str
    svg: Markup
    caption: str
    legend: tuple[Key, ...] = ()


def draw(name: str, title: str, paint: Painter, caption: str, legend: Sequence[Key] = ()) -> Plot:
    """Return the plot that `paint` draws; the same drawing under the same `name` gives the same bytes.

    `name` keeps the ids within the SVG apart from those of the page's other plots.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # not what a matplotlibrc of this machine says
        matplotlib.rcParams.update(_settings(name))
        figure = Figure(figsize=SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        paint(axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    label = f"{title}. {caption}"
    return Plot(title, inline_svg(stream.getvalue(), label), caption, tuple(legend))


def key_of(number: int, name: str) -> Key:
    """Return colour and dash of the n-th curve: six colours, then the same with other dashes."""
    return Key(name, f"series-{number % 6}", DASHES[number // 6 % len(DASHES)])


def inline_svg(svg: str, label: str) -> Markup:
    """Return matplotlib's SVG fit for a page: scalable, named, in the page's colours and font, without loose ids."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    box = re.search(r'viewBox="([^"]*)"', svg)
    body = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href")
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", body)
    body = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", body)
    body = re.sub("#0101[0-9a-f]{2}", lambda found: f"var(--{VARIABLES[int(found[0][5:], 16)]})", body)
    body = re.sub(r"\s*\n\s*", " ", body)
    opening = Markup('<svg role="img" aria-label="{}" viewBox="{}">').format(label, box[1] if box else "0 0 1 1")
    return opening + Markup(body)  # noqa: S704 - matplotlib's own markup, and no name from the data is in it


def swatch(key: Key) -> Markup:
    """Return a short line in the colour and dash of a legend's entry."""
    pattern = {"solid": "", "dashed": "6 3", "dotted": "1.5 2.5", "dashdot": "6 2 1.5 2"}[key.dash]
    return Markup(
        '<svg class="swatch" viewBox="0 0 24 8" aria-hidden="true">'
        '<path d="M0 4H24" style="stroke:var(--{});stroke-dasharray:{}"/></svg>'
    ).format(escape(key.colour), pattern or "none")


def _settings(name: str) -> dict[Any, Any]:
    ink, muted, line = COLOURS["ink"], COLOURS["muted"], COLOURS["line"]
    return {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "path.simplify_threshold": 0.5,
        "text.color": ink,
        "axes.labelcolor": ink,
        "axes.edgecolor": muted,
        "xtick.color": muted,
        "ytick.color": muted,
        "xtick.labelcolor": ink,
        "ytick.labelcolor": ink,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": line,
    }
