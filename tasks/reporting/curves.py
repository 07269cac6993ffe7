"""The page's plots: training curves, ROC, precision against recall, calibration, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from tasks.reporting.plots import COLOURS, Key, Plot, draw, key_of

# More curves than this in one plot cannot be told apart; the tables have the figures of all.
MAX_CURVES = 8
TITLES = {"loss": "Loss", "auc": "ROC-AUC", "accuracy": "Accuracy"}


def training_plots(history: pd.DataFrame, best_epoch: int) -> list[Plot]:
    """Return loss, AUC and accuracy by epoch on train and valid, and the learning rate, as far as recorded."""
    plots = [_by_epoch(history, name, best_epoch) for name in TITLES if name in history and f"val_{name}" in history]
    # A ridge phase has none, which its row says as 0.
    with_rate = history[history["learning_rate"] > 0] if "learning_rate" in history else history[:0]
    return plots if with_rate.empty else [*plots, _learning_rate(with_rate)]


def _by_epoch(history: pd.DataFrame, name: str, best_epoch: int) -> Plot:
    keys = (Key("train", "series-0"), Key("valid", "series-1", "dashed"))

    def paint(axes: Axes) -> None:
        for key, column in zip(keys, (name, f"val_{name}"), strict=True):
            axes.plot(
                history["epoch"], history[column], color=COLOURS[key.colour], linestyle=key.dash, marker="o", ms=3
            )
        axes.axvline(best_epoch, color=COLOURS["muted"], linestyle="dotted", linewidth=1.2)
        _epochs(axes, TITLES[name])

    best = history[history["epoch"] == best_epoch]
    values = [f"train {row[name]:.3f}, valid {row[f'val_{name}']:.3f}. " for _, row in best.iterrows()]
    caption = (
        f"At the best epoch, {best_epoch} (vertical line): {''.join(values) or 'not recorded. '}"
        "Train is measured on augmented faces while the weights still change."
    )
    return draw(f"train-{name}", f"{TITLES[name]} by epoch", paint, caption, keys)


def _learning_rate(history: pd.DataFrame) -> Plot:
    rates = history["learning_rate"]

    def paint(axes: Axes) -> None:
        axes.plot(history["epoch"], rates, color=COLOURS["series-0"], drawstyle="steps-mid", marker="o", ms=3)
        axes.set_yscale("log", nonpositive="clip")
        if rates.nunique() <= MAX_CURVES:
            axes.set_yticks(rates.unique(), [f"{rate:g}" for rate in rates.unique()])
            axes.yaxis.set_minor_locator(NullLocator())
        _epochs(axes, "Learning rate")

    caption = f"From {rates.iloc[0]:g} down to {rates.iloc[-1]:g}; it falls when the validation loss stalls."
    if rates.nunique() == 1:
        caption = f"{rates.iloc[0]:g} throughout."
    return draw("train-rate", "Learning rate by epoch", paint, caption)


def _epochs(axes: Axes, label: str) -> None:
    axes.set_xlabel("Epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def roc_plot(points: pd.DataFrame, names: Mapping[str, str]) -> Plot:
    """Return the ROC curves of the sets in `points` (rows, fpr, tpr) that `names` gives a name to, in its order."""
    return _curves("roc", "ROC", points, names, ("fpr", "tpr"), ("Reals called fake", "Fakes found"), diagonal=True)


def precision_recall_plot(points: pd.DataFrame, names: Mapping[str, str]) -> Plot:
    """Return precision against recall of the sets in `points` (rows, recall, precision) that `names` names."""
    labels = ("Recall: fakes found", "Precision: of those called fake, fakes")
    return _curves("pr", "Precision and recall", points, names, ("recall", "precision"), labels, diagonal=False)


def _curves(
    name: str,
    title: str,
    points: pd.DataFrame,
    names: Mapping[str, str],
    columns: Sequence[str],
    labels: Sequence[str],
    *,
    diagonal: bool,
) -> Plot:
    drawn = set(points["rows"])
    sets = [each for each in names if each in drawn]
    keys = [key_of(number, names[each]) for number, each in enumerate(sets[:MAX_CURVES])]

    def paint(axes: Axes) -> None:
        if diagonal:
            axes.plot([0, 1], [0, 1], color=COLOURS["muted"], linestyle="dotted", linewidth=1)
        for number, key in reversed(list(enumerate(keys))):
            rows = points[points["rows"] == sets[number]]
            (line,) = axes.plot(rows[columns[0]], rows[columns[1]], color=COLOURS[key.colour], linestyle=key.dash)
            line.set_linewidth(1.4 if number else 2.4)
        _unit_square(axes, *labels)

    caption = "The dotted diagonal is chance." if diagonal else "Precision hangs on the share of fakes in each set."
    if len(sets) > MAX_CURVES:
        caption += f" The first {MAX_CURVES} of {len(sets)} sets are drawn; the tables have all."
    return draw(name, title, paint, caption, keys)


def calibration_plot(bins: pd.DataFrame) -> Plot:
    """Return the reliability diagram of `bins` (n, mean_p_fake, fake_share)."""
    areas = 12 + 160 * bins["n"] / bins["n"].max()

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=COLOURS["muted"], linestyle="dotted", linewidth=1)
        axes.plot(bins["mean_p_fake"], bins["fake_share"], color=COLOURS["series-0"], linewidth=1)
        axes.scatter(
            bins["mean_p_fake"], bins["fake_share"], s=areas, color=COLOURS["series-0"], alpha=0.6, clip_on=False
        )
        _unit_square(axes, "Mean p_fake", "Share of fakes")

    caption = "On the dotted diagonal, of the faces given p_fake 0.8 eight in ten are fakes. Larger dots: more faces."
    return draw("calibration", "Calibration", paint, caption)


def histogram_plot(name: str, title: str, rows: pd.DataFrame, threshold: float) -> Plot:
    """Return the distribution of p_fake in `rows` (p_fake: bin centres, real, fake: counts)."""
    counts = {label: rows[label].to_numpy() for label in ("real", "fake")}
    keys = [Key(label, label) for label in counts if counts[label].sum() > 0]
    edges = np.linspace(0, 1, len(rows) + 1)

    def paint(axes: Axes) -> None:
        for key in keys:
            axes.stairs(counts[key.name], edges, color=COLOURS[key.colour], fill=True, alpha=0.3)
            axes.stairs(counts[key.name], edges, color=COLOURS[key.colour], linewidth=1.5)
        _scores(axes, threshold)

    totals = " and ".join(f"{int(counts[key.name].sum()):,} {key.name}" for key in keys)
    caption = f"{totals} faces; from the dashed line, {threshold:.3f}, upwards a face is called fake."
    return draw(name, title, paint, caption, keys)


def scored_plot(name: str, counts: NDArray[np.int64], threshold: float) -> Plot:
    """Return the distribution of p_fake over the faces of an archive, whose labels nobody knows; `counts` by bin."""

    def paint(axes: Axes) -> None:
        axes.stairs(counts, np.linspace(0, 1, len(counts) + 1), color=COLOURS["series-0"], fill=True, alpha=0.5)
        _scores(axes, threshold)

    caption = f"{int(counts.sum()):,} faces; from the dashed line, {threshold:.3f}, upwards a face is called fake."
    return draw(name, "p_fake of all faces", paint, caption)


def _scores(axes: Axes, threshold: float) -> None:
    axes.axvline(threshold, color=COLOURS["ink"], linestyle="dashed", linewidth=1.2)
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="p_fake", ylabel="Faces")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _unit_square(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x_label, ylabel=y_label)
